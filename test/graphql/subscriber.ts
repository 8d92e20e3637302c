import { openRawSocket, type RawSocket } from '../support/raw-socket.ts';
import { type TestService, token } from '../support/service.ts';

type Variables = { after?: string; filter?: object };
export type LiveEvent = { position: number; cursor: string; eventType: string; flagKey: string | null };

const query = `subscription ($filter: AuditEventFilter, $after: String) {
  auditEvents(filter: $filter, after: $after) { position cursor eventType flagKey description } }`;

/** Subscribes on a socket of its own; resolves when the socket is there, before anything of the subscription is known. */
export const subscribe = async ({ url }: Pick<TestService, 'url'>, variables: Variables = {}): Promise<RawSocket> => {
  const socket = openRawSocket(`${url}/graphql`);
  await socket.init(await token({ groups: ['auditor'] }));
  socket.send({ id: '1', type: 'subscribe', payload: { query, variables } });
  return socket;
};

export const nextEvent = async (socket: RawSocket): Promise<LiveEvent> => {
  const message = await socket.next();
  const { data } = (message.payload ?? {}) as { data?: { auditEvents: LiveEvent } };
  if (!data) throw new Error(`no event but ${JSON.stringify(message)}`);
  return data.auditEvents;
};

/** The positions of the next events. */
export const take = async (socket: RawSocket, count: number): Promise<number[]> => {
  const positions: number[] = [];
  while (positions.length < count) positions.push((await nextEvent(socket)).position);
  return positions;
};
