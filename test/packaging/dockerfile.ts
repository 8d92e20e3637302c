import path from 'node:path';

type Instruction = { keyword: string; value: string };
export type Stage = { name: string; base: string; instructions: Instruction[] };

/** The stages of a Dockerfile, in order. A stage without a name goes by its number. */
export const parseDockerfile = (text: string): Stage[] => {
  const stages: Stage[] = [];
  for (const { keyword, value } of instructionsOf(text)) {
    const [, base = '', name = String(stages.length)] = /^(\S+)(?: AS (\S+))?$/.exec(value) ?? [];
    if (keyword === 'FROM') stages.push({ name, base, instructions: [] });
    else stages.at(-1)?.instructions.push({ keyword, value });
  }
  return stages;
};

const instructionsOf = (text: string): Instruction[] =>
  text
    .replaceAll(/^\s*#.*\n/gm, '')
    .replaceAll(/\\\n\s*/g, '')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [, keyword, value] = /^([A-Z]+) (.+)$/.exec(line) ?? [];
      if (!keyword || !value) throw new Error(`this is no instruction of a Dockerfile: ${line}`);
      return { keyword, value };
    });

/** The value of a stage's last instruction with this keyword, which is the one that counts. */
export const lastOf = ({ instructions }: Stage, keyword: string): string => {
  const found = instructions.findLast((instruction) => instruction.keyword === keyword);
  if (!found) throw new Error(`the stage has no ${keyword}`);
  return found.value;
};

/** What the instructions with this keyword set (ENV, LABEL, ARG), by name. Quotation marks are taken off. */
export const pairsOf = ({ instructions }: Stage, keyword: string): Record<string, string> => {
  const values = instructions.filter((instruction) => instruction.keyword === keyword).map(({ value }) => value);
  const pairs = values.join(' ').matchAll(/([\w.]+)=("[^"]*"|\S+)/g);
  return Object.fromEntries(Array.from(pairs, ([, name = '', value = '']) => [name, value.replaceAll('"', '')]));
};

/** A command in the form that starts no shell: a JSON array. */
export const commandOf = (stage: Stage, keyword: 'ENTRYPOINT' | 'CMD' | 'HEALTHCHECK'): string[] =>
  JSON.parse(lastOf(stage, keyword).replace(/^(--\S+ )*CMD /, ''));

/** Whether .dockerignore keeps a file of the repository out of what Docker gets to see: the last pattern that fits decides. */
export const makeIsIgnored = (dockerignore: string): ((file: string) => boolean) => {
  const patterns = dockerignore.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return (file) =>
    patterns.reduce((ignored, line) => {
      const pattern = line.replace(/^!/, '');
      const fits = path.posix.matchesGlob(file, pattern) || path.posix.matchesGlob(file, `${pattern}/**`);
      return fits ? !line.startsWith('!') : ignored;
    }, false);
};
