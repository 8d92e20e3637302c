import { readFileSync } from 'node:fs';
import { Command, InvalidArgumentError } from 'commander';
import { gatesAt, readGates, toFlagd, versionSchema } from './kubernetes-gates.ts';

const parseVersion = (text: string): string => {
  if (!versionSchema.safeParse(text).success) throw new InvalidArgumentError('allowed: a version like 1.31');
  return text;
};

const [version = null] = new Command('npm run --silent demo:gates --')
  .description("Prints Kubernetes' feature gates as a flagd document, which `flagtrail import` reads.")
  .argument('[version]', 'print the gates as of this version, such as 1.31; default: the newest version', parseVersion)
  .parse().processedArgs as [string?];

const changes = readGates(readFileSync(new URL('./data/kubernetes-feature-gates.csv', import.meta.url), 'utf8'));
process.stdout.write(`${JSON.stringify(toFlagd(gatesAt(changes, version)), null, 2)}\n`);
