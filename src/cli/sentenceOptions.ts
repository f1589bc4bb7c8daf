import { Option, type Command } from 'commander';
import type { EncoderReport, PoolerName, SentenceWish } from '../studio/api/sentences.ts';
import type { Report } from './report.ts';

export interface SentenceOptions {
  readonly pooling?: PoolerName;
  readonly prompt?: string;
}

const POOLERS = ['cls', 'max', 'mean', 'mean_sqrt_len_tokens', 'weightedmean', 'lasttoken'] satisfies PoolerName[];

export function sentenceOptions(command: Command): Command {
  return command
    .addOption(new Option('--pooling <name>', "of a checkpoint that doesn't say how it pools (default: mean)").choices(POOLERS))
    .option('--prompt <name>', "the folder's prompt to set before every sentence (default: its default one)");
}

export function sentenceWish({ pooling, prompt }: SentenceOptions): SentenceWish {
  return { ...(pooling === undefined ? {} : { pooler: pooling }), ...(prompt === undefined ? {} : { prompt }) };
}

export function sayEncoder(role: string, { name, width, pooling, notes }: EncoderReport, report: Report): void {
  report.say(`${role} ${name}: vectors of ${width} numbers (${pooling})`);
  for (const note of notes) report.say(note);
}
