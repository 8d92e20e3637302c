import { positions } from '../verify/outcome.ts';
import type { Checked, Report, StatesChecked } from '../verify/report.ts';
import { inColumns, onOneLine } from './plain.ts';

const number = new Intl.NumberFormat('en');

/** The result in one line. */
export const describeOutcome = ({ outcome, finding, reason, size, signedTo, root }: Report): string => {
  if (outcome === 'good') {
    const signed = signedTo === size ? 'all of them signed' : `signed up to position ${signedTo}`;
    return `GOOD: ${number.format(size)} events, ${signed}; root ${root}`;
  }
  if (outcome === 'could not check') return `COULD NOT CHECK: ${onOneLine(reason ?? '')}`;
  const { kind, from, to, sentence } = finding ?? { kind: '', from: null, to: null, sentence: '' };
  const where = from === null || to === null ? '' : ` at ${positions(from, to)}`;
  return `TAMPERED${where} (${kind}): ${onOneLine(sentence)}`;
};

const ofLog = ({ entries, oldEntries, pruned, columns, disclosures, erased, tiles, checkpoints, pins }: Checked) => [
  ['entries', entries, oldEntries > 0 ? `${number.format(oldEntries)} of them from before there were disclosures` : ''],
  ['pruned', pruned, pruned > 0 ? 'their hashes hold; the log declares it' : ''],
  ['disclosures', disclosures, erased > 0 ? `something of ${number.format(erased)} events was erased; the log declares it` : ''],
  ['columns', columns, ''],
  ['tiles', tiles, ''],
  ['checkpoints', checkpoints, ''],
  ['pins', pins, ''],
];

const ofStates = ({ flags, states, environments, schedules, notChecked }: StatesChecked) => [
  ['flags', flags, ''],
  ['states', states, ''],
  ['environments', environments, ''],
  ['open schedules', schedules, ''],
  ...Object.entries(notChecked).map(([reason, count]) => ['not checked', count, reason]),
];

/** What was looked at, for people. */
export const describeDetails = ({ log, keys, checked, states, warnings }: Report): string =>
  [
    ...warnings.map((warning) => `WARNING: ${onOneLine(warning)}`),
    ...(log === null ? [] : [`Log: ${onOneLine(log)}`]),
    ...keys.map((line) => `Key: ${onOneLine(line)}`),
    'Checked:',
    ...inColumns(
      [...ofLog(checked), ...(states ? ofStates(states) : [])].map(([what, count, note]) => [
        `${what}`,
        number.format(Number(count)),
        `${note}`,
      ]),
    ),
    '',
  ].join('\n');
