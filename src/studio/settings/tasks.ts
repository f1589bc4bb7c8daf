/** `Task.name` of the tasks that page and terminal know by name; `tests/tasks/sentenceEmbedding.test.ts` holds them against the tasks themselves. */
export const WORDS_TASK = 'maskedWords';
export const SENTENCES_TASK = 'sentenceEmbedding';

export const TASK_NAMES: readonly string[] = [WORDS_TASK, SENTENCES_TASK];
