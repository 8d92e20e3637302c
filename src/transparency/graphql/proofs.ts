import { z } from 'zod';
import { builder, requires } from '../../graphql/builder.ts';
import { badUserInput } from '../../graphql/errors.ts';
import { type ConsistencyProof, type InclusionProof, TreeSizeError } from '../commands/proofs.ts';
import type { Checkpoint } from '../ports/tree.ts';

/** Cost of a proof: some statements, and a few hundred hashes at most. */
const proof = { extensions: { weight: 100 } };
/** Cost of an entry, which can have 64 KiB, and more if an older release wrote it. */
const heavy = { extensions: { weight: 90 } };

const base64 = (hash: Buffer): string => hash.toString('base64');

const AuditCheckpointType = builder.objectRef<Checkpoint>('AuditCheckpoint').implement({
  description:
    'A signed statement of what the audit log holds (C2SP tlog-checkpoint). Keep one, and you can prove later that the log still begins with all that it held then.',
  fields: (t) => ({
    origin: t.string({ description: 'The name of the log.', resolve: ({ note }) => note.split('\n', 1)[0] ?? '' }),
    treeSize: t.field({ type: 'SafeInt', description: 'How many entries it covers.', resolve: ({ size }) => size }),
    rootHash: t.string({
      description: 'The root hash of the Merkle tree of these entries (RFC 6962), in base64.',
      resolve: ({ rootHash }) => base64(rootHash),
    }),
    note: t.exposeString('note', {
      description: 'The signed note (C2SP signed-note), exactly as it was signed: keep this text.',
    }),
    signedAt: t.field({ type: 'DateTime', description: 'When it was signed.', resolve: ({ signedAt }) => signedAt }),
    epoch: t.exposeInt('epoch', {
      description: 'Starts at 1, and counts how often the log had to go on from a database that had lost entries.',
    }),
  }),
});

const AuditInclusionProofType = builder.objectRef<InclusionProof>('AuditInclusionProof').implement({
  description:
    'Proves that an event is in the audit log: hash `entry` to get `leafHash`, then hash your way up with `hashes` to get `rootHash`, which the checkpoint signs (RFC 9162, section 2.1.3).',
  fields: (t) => ({
    position: t.field({ type: 'SafeInt', description: "The event's position in the log.", resolve: ({ position }) => position }),
    leafIndex: t.field({
      type: 'SafeInt',
      description: 'The index of its leaf in the tree, which is `position` - 1.',
      resolve: ({ leafIndex }) => leafIndex,
    }),
    leafHash: t.exposeString('leafHash', { description: 'SHA-256 of a zero byte and `entry`, in base64.' }),
    treeSize: t.field({
      type: 'SafeInt',
      description: 'How many entries the tree has that the proof is for.',
      resolve: ({ treeSize }) => treeSize,
    }),
    rootHash: t.string({ description: 'The root hash of that tree, in base64.', resolve: ({ rootHash }) => base64(rootHash) }),
    hashes: t.stringList({
      description: 'The hashes beside the path from the leaf to the root, from the leaf up, in base64.',
      resolve: ({ hashes }) => hashes.map(base64),
    }),
    checkpoint: t.field({
      type: AuditCheckpointType,
      nullable: true,
      description:
        'The latest checkpoint, which signs that tree. Null if it does not cover the event yet: then the proof is for the log as it is now. Ask again in a few seconds.',
      resolve: ({ checkpoint }) => checkpoint,
    }),
    entry: t.exposeString('entry', {
      description:
        'The entry, exactly as it was hashed. It holds digests of what is personal or large, which the event itself shows (RFC 9901).',
      ...heavy,
    }),
  }),
});

const AuditConsistencyProofType = builder.objectRef<ConsistencyProof>('AuditConsistencyProof').implement({
  description: 'Proves that the audit log of a larger size begins with the log of a smaller one (RFC 9162, section 2.1.4).',
  fields: (t) => ({
    hashes: t.stringList({ description: 'The proof, in base64.', resolve: ({ hashes }) => hashes.map(base64) }),
    fromRootHash: t.string({
      description: 'The root hash of the smaller tree, in base64. Compare it with a checkpoint that you kept.',
      resolve: ({ fromRootHash }) => base64(fromRootHash),
    }),
    toRootHash: t.string({
      description: 'The root hash of the larger tree, in base64.',
      resolve: ({ toRootHash }) => base64(toRootHash),
    }),
  }),
});

builder.queryFields((t) => ({
  auditCheckpoint: t.field({
    type: AuditCheckpointType,
    nullable: true,
    description: 'The latest signed checkpoint of the audit log; null before the first one.',
    ...requires('AUDITOR'),
    resolve: (_root, _args, { app }) => app.proofs.latestCheckpoint(),
  }),
  auditInclusionProof: t.field({
    type: AuditInclusionProofType,
    nullable: true,
    description: 'The proof that an event is in the audit log; null if no event has that id.',
    args: { id: t.arg.id({ required: true, validate: { schema: z.uuid('must be a UUID') }, description: "The event's id." }) },
    extensions: { ...requires('AUDITOR').extensions, ...proof.extensions },
    resolve: (_root, { id }, { app }) => app.proofs.proveInclusion(id),
  }),
  auditConsistencyProof: t.field({
    type: AuditConsistencyProofType,
    description: 'The proof that nothing which the audit log held at one size was changed up to another.',
    args: {
      from: t.arg({
        type: 'SafeInt',
        required: true,
        description: 'The size of the smaller tree, such as that of a checkpoint that you kept.',
      }),
      to: t.arg({
        type: 'SafeInt',
        required: true,
        description: 'The size of the larger tree, such as that of the latest checkpoint.',
      }),
    },
    extensions: { ...requires('AUDITOR').extensions, ...proof.extensions },
    resolve: async (_root, { from, to }, { app }) => {
      try {
        return await app.proofs.proveConsistency(from, to);
      } catch (error) {
        throw error instanceof TreeSizeError ? badUserInput(error.message) : error;
      }
    },
  }),
}));
