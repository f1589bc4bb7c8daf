import { Option, type Command } from 'commander';
import { TASK_NAMES } from '../studio/settings/tasks.ts';
import type { TeacherWish } from '../studio/api/teacher.ts';
import type { EncoderReport, Pooler, SentenceWish } from '../studio/api/sentences.ts';
import type { Report } from './report.ts';

/** What a teacher is read for. */
export interface TaskOptions extends SentenceOptions {
  readonly task?: string;
}

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

/** The options of {@link sentenceOptions}, and what a teacher is compressed for. */
export function taskOptions(command: Command): Command {
  return sentenceOptions(
    command.addOption(
      new Option(
        '--task <name>',
        "what the teacher is compressed for (default: sentenceEmbedding if its folder is sentence-transformers', or --pooling is given)",
      ).choices(TASK_NAMES),
    ),
  );
}

export function teacherWish({ task, ...others }: TaskOptions): TeacherWish {
  return { ...(task === undefined ? {} : { task }), ...sentenceWish(others) };
}

export function sentenceWish({ pooling, prompt }: SentenceOptions): SentenceWish {
  return { ...(pooling === undefined ? {} : { pooler: pooling }), ...(prompt === undefined ? {} : { prompt }) };
}

export function sayEncoder(role: string, { name, width, pooling, notes }: EncoderReport, report: Report): void {
  report.say(`${role} ${name}: vectors of ${width} numbers (${pooling})`);
  for (const note of notes) report.say(note);
}
