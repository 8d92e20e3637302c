import type { DocumentNode } from 'graphql';
import type { Plugin } from 'graphql-yoga';

/** Measured: the heap bytes that one token of a parsed document takes, with its nodes. */
const bytesOfToken = 450;

type Limits = {
  /** Longer documents are not cached: they usually contain their values, so they do not repeat. */
  maxDocumentLength: number;
  /** Most heap bytes of all documents together. */
  maxBytes: number;
};

/**
 * Caches parsed and validated documents. This plugin comes after the check of roles, so only documents that their caller may
 * run are cached, and of those only short ones. The least recently used documents are dropped first.
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
      // Move it to the end, as the most recently used.
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
