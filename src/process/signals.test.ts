import { spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { createInterface } from 'node:readline';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { onStopSignal } from './signals.ts';

/** A process to send signals to, and a clock to move. */
const aProcess = () => {
  const target = Object.assign(new EventEmitter(), { exit: vi.fn() });
  const clock = { ms: 0 };
  const onFirst = vi.fn();
  const options = { process: target as unknown as NodeJS.Process, nowMs: () => clock.ms };
  return { clock, onFirst, exit: target.exit, send: (name: string) => target.emit(name, name), options };
};

describe('a process that is asked to stop', () => {
  it('hears it once, also where npm passes on what the terminal has sent already', () => {
    const { clock, onFirst, exit, send, options } = aProcess();
    onStopSignal(onFirst, options);
    send('SIGINT');
    clock.ms = 1000;
    send('SIGINT');
    send('SIGTERM');
    expect(onFirst.mock.calls).toEqual([['SIGINT']]);
    expect(exit).not.toHaveBeenCalled();
  });

  it('ends at once when it is asked again after more than a second', () => {
    const { clock, onFirst, exit, send, options } = aProcess();
    onStopSignal(onFirst, options);
    send('SIGTERM');
    clock.ms = 1001;
    send('SIGINT');
    expect(onFirst).toHaveBeenCalledTimes(1);
    expect(exit.mock.calls).toEqual([[130]]);
  });

  it('hears nothing any more once nobody listens', () => {
    const { onFirst, send, options } = aProcess();
    onStopSignal(onFirst, options)();
    expect([send('SIGINT'), send('SIGTERM')]).toEqual([false, false]);
    expect(onFirst).not.toHaveBeenCalled();
  });

  it('lives through the first signal, and ends with 130 at the second', async () => {
    // Between any two looks at this clock lies more than a second.
    const program = `
      import { onStopSignal } from ${JSON.stringify(import.meta.resolve('./signals.ts'))};
      let ms = 0;
      onStopSignal((signal) => console.log(signal), { nowMs: () => (ms += 1001) });
      setInterval(() => {}, 60_000);
      console.log('ready');`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
    onTestFinished(() => void child.kill('SIGKILL'));
    const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
    const exited = once(child, 'exit');
    expect((await lines.next()).value).toBe('ready');
    child.kill('SIGTERM');
    expect((await lines.next()).value).toBe('SIGTERM');
    child.kill('SIGINT');
    expect(await exited).toEqual([130, null]);
  });
});
