import type { DocumentNode } from 'graphql';
import type { Plugin } from 'graphql-yoga';

/** Measured: what a token of a parsed document holds of the heap, with the nodes around it. */
const bytesOfToken = 450;

type Limits = {
  /** Longer documents are parsed each time: who writes them writes their values into them. */
  maxDocumentLength: number;
  /** Of the heap, for all documents. */
  maxBytes: number;
};

/**
 * Keeps documents that are asked for again, parsed and found valid. Only what its caller may run gets here (this plugin stands
 * behind the check of roles), and of that only what is short; those that were not asked for the longest go first.
 */
export const useDocumentCache = ({ maxDocumentLength, maxBytes }: Limits): Plugin => {
  const documents = new Map<string, { document: DocumentNode; bytes: number }>();
  const valid = new WeakSet<DocumentNode>();
  let held = 0;

  const forget = (source: string) => {
    held -= documents.get(source)?.bytes ?? 0;
    documents.delete(source);
  };
  const remember = ({ args }: { args: unknown }) => {
    const { document } = args as { document: DocumentNode };
    const source = document.loc?.source.body;
    if (source === undefined || source.length > maxDocumentLength || documents.has(source)) return;
    const bytes = weigh(document, source);
    documents.set(source, { document, bytes });
    valid.add(document);
    held += bytes;
    for (const oldest of documents.keys()) {
      if (held <= maxBytes) return;
      forget(oldest);
    }
  };
  return {
    onParse: ({ params, setParsedDocument }) => {
      const source = typeof params.source === 'string' ? params.source : params.source.body;
      const known = documents.get(source);
      if (!known) return;
      // Last among them again.
      documents.delete(source);
      documents.set(source, known);
      setParsedDocument(known.document);
    },
    onValidate: ({ params, setResult }) => {
      if (valid.has(params.documentAST as DocumentNode)) setResult([]);
    },
    onExecute: remember,
    onSubscribe: remember,
  };
};

const weigh = ({ loc }: DocumentNode, source: string): number => {
  let tokens = 0;
  for (let token = loc?.startToken; token; token = token.next ?? undefined) tokens++;
  return source.length * 2 + tokens * bytesOfToken;
};
