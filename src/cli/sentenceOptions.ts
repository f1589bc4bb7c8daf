import { Option, type Command } from 'commander';
import type { EncoderReport, Pooler, SentenceWish } from '../studio/api/sentences.ts';
import type { Report } from './report.ts';

export interface SentenceOptions {
  readonly pooling?: Pooler;
  readonly prompt?: string;
}

/** All of them: one that is missing here, or too much, is an error of types. */
const POOLERS = { cls: true, max: true, mean: true, mean_sqrt_len_tokens: true, weightedmean: true, lasttoken: true } satisfies Record<
  Pooler,
  true
>;

export function sentenceOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--pooling <name>', "of a checkpoint that doesn't say how it pools (default: mean)").choices(Object.keys(POOLERS)),
    )
    .option('--prompt <name>', "the folder's prompt to set before every sentence (default: its default one)");
}

export function sentenceWish({ pooling, prompt }: SentenceOptions): SentenceWish {
  return { ...(pooling === undefined ? {} : { pooler: pooling }), ...(prompt === undefined ? {} : { prompt }) };
}

export function sayEncoder(role: string, { name, width, pooling, notes }: EncoderReport, report: Report): void {
  report.say(`${role} ${name}: vectors of ${width} numbers (${pooling})`);
  for (const note of notes) report.say(note);
}
