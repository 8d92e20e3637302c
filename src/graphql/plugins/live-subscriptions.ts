import type { ExecutionResult } from 'graphql';
import type { Plugin } from 'graphql-yoga';
import { shareOf } from '../../domain/access/actor.ts';
import { makePlaces, type PlaceLimits } from '../../domain/limits/places.ts';
import type { OnRefused } from '../../domain/limits/refusals.ts';
import type { Context } from '../context.ts';
import { rateLimited } from '../errors.ts';
import { endedBy } from '../expiry.ts';
import { subscriptionRetryMs } from '../limits.ts';

type Options = { limits: PlaceLimits; onRefused: OnRefused };

/** Bounds how many subscriptions live at a time, those of sockets and those of event streams together. */
export const useLiveSubscriptions = ({ limits, onRefused }: Options): Plugin<Context> => {
  const places = makePlaces(limits);
  const refusals = {
    caller: `You have ${limits.maxPerCaller} live subscriptions, which is the most: complete some and try again`,
    process: `This process has ${limits.max} live subscriptions, which is the most: try again later`,
  };
  return {
    onSubscribe: ({ args, subscribeFn, setSubscribeFn }) => {
      setSubscribeFn(async (given) => {
        const place = places.take(shareOf(args.contextValue.caller));
        if ('full' in place) {
          onRefused('share');
          return { errors: [rateLimited(refusals[place.full], subscriptionRetryMs)] };
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
