import type { ExecutionResult } from 'graphql';
import type { Plugin } from 'graphql-yoga';
import { shareOf } from '../../access/model/actor.ts';
import { makePlaces, type PlaceLimits } from '../../kernel/limits/places.ts';
import type { OnRefused } from '../../kernel/limits/refusals.ts';
import type { Context } from '../context.ts';
import { rateLimited } from '../errors.ts';
import { endedBy } from '../expiry.ts';
import { type SentRequest, sizeOfRequest } from '../request-size.ts';

/** After how many milliseconds a caller whose subscription was refused should try again. */
const subscriptionRetryMs = 1000;

/** How many live at a time, and how many bytes of requests they hold meanwhile. */
export type SubscriptionLimits = PlaceLimits & { bytes: PlaceLimits };
type Options = { limits: SubscriptionLimits; onRefused: OnRefused };

/** Limits how many subscriptions live at a time, counting those of sockets and event streams together. */
export const useLiveSubscriptions = ({ limits, onRefused }: Options): Plugin<Context> => {
  const places = makePlaces(limits);
  const bytes = makePlaces(limits.bytes);
  const tooMany = {
    caller: `You have ${limits.maxPerCaller} live subscriptions, which is the maximum: complete some and try again`,
    process: `This process has ${limits.max} live subscriptions, which is the maximum: try again later`,
  };
  const mebibytes = (most: number) => `more than ${most / 2 ** 20} MiB of requests, which is the maximum`;
  const tooLarge = {
    caller: `With this, your live subscriptions would hold ${mebibytes(limits.bytes.maxPerCaller)}: complete some, or send less`,
    process: `With this, the live subscriptions of this process would hold ${mebibytes(limits.bytes.max)}: try again later`,
  };
  /** Takes a place, and room for the request. Returns a function that gives both back, or the reason why there is none. */
  const enter = (caller: string, size: number): { leave: () => void } | { refusal: string } => {
    const place = places.take(caller);
    if ('full' in place) return { refusal: tooMany[place.full] };
    const room = bytes.take(caller, size);
    if ('leave' in room) {
      const leave = () => {
        place.leave();
        room.leave();
      };
      return { leave };
    }
    place.leave();
    return { refusal: tooLarge[room.full] };
  };
  return {
    onSubscribe: ({ args, subscribeFn, setSubscribeFn }) => {
      setSubscribeFn(async (given) => {
        const context = args.contextValue as unknown as Context & SentRequest;
        const place = enter(shareOf(context.caller), sizeOfRequest(context));
        if ('refusal' in place) {
          onRefused('share');
          return { errors: [rateLimited(place.refusal, subscriptionRetryMs)] };
        }
        let isLive = false;
        try {
          const result = (await subscribeFn(given)) as ExecutionResult | AsyncIterable<ExecutionResult>;
          isLive = Symbol.asyncIterator in result;
          return Symbol.asyncIterator in result ? endedBy(result, () => place.leave) : result;
        } finally {
          if (!isLive) place.leave();
        }
      });
    },
  };
};
