import {
  type DocumentNode,
  type GraphQLError,
  type GraphQLSchema,
  Kind,
  separateOperations,
  TypeInfo,
  visit,
  visitWithTypeInfo,
} from 'graphql';
import type { Plugin } from 'graphql-yoga';
import { hasRole, type Role } from '../../access/model/actor.ts';
import type { Context } from '../context.ts';
import { forbidden } from '../errors.ts';

/**
 * Refuses a whole operation before any of it runs if its caller lacks the role of one of its root fields, or uses an API key for
 * a field that does not accept one. The refusal is recorded. This works over HTTP and over websockets alike.
 */
export const useAuthorisation = (): Plugin<Context> => {
  const check = (args: {
    schema: GraphQLSchema;
    document: DocumentNode;
    operationName?: string | null;
    contextValue: Context;
  }) => {
    const { caller, app } = args.contextValue;
    for (const { field, requiredRole, tokenOnly } of rootFieldsOf(args)) {
      const permitted = requiredRole === null || (requiredRole && hasRole(caller, requiredRole));
      if (permitted && tokenOnly && caller.apiKeyId !== null) {
        app.recordAccessDenied(caller, { operation: field, requiredRole: `${requiredRole} (with a JWT, not an API key)` });
        return forbidden(`${field} does not accept API keys: use the JWT of a person or a service account`);
      }
      if (permitted) continue;
      app.recordAccessDenied(caller, { operation: field, requiredRole: requiredRole ?? 'none has access' });
      return forbidden(`${field} requires the role ${requiredRole ?? '(nobody has it)'}`);
    }
    return null;
  };
  const refuse = ({
    args,
    setResultAndStopExecution,
  }: {
    args: unknown;
    setResultAndStopExecution: (result: { errors: GraphQLError[] }) => void;
  }) => {
    const denied = check(args as Parameters<typeof check>[0]);
    if (denied) setResultAndStopExecution({ errors: [denied] });
  };
  return { onExecute: refuse, onSubscribe: refuse };
};

type RootField = { field: string; requiredRole: Role | null | undefined; tokenOnly: boolean };

/** Every root field that an operation selects, including those in fragments. Introspection requires no role. */
const rootFieldsOf = ({
  schema,
  document,
  operationName,
}: {
  schema: GraphQLSchema;
  document: DocumentNode;
  operationName?: string | null;
}): RootField[] => {
  const operations = separateOperations(document);
  const operation = operationName == null ? Object.values(operations)[0] : operations[operationName];
  if (!operation) return [];
  const roots = new Set([schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()]);
  const fields: RootField[] = [];
  const types = new TypeInfo(schema);
  visit(
    operation,
    visitWithTypeInfo(types, {
      [Kind.FIELD]: ({ name }: { name: { value: string } }) => {
        const parent = types.getParentType();
        if (!parent || !roots.has(parent as never) || name.value.startsWith('__')) return;
        const { requiredRole, tokenOnly } = types.getFieldDef()?.extensions ?? {};
        fields.push({
          field: name.value,
          requiredRole: requiredRole as RootField['requiredRole'],
          tokenOnly: tokenOnly === true,
        });
      },
    }),
  );
  return fields;
};
