import { familySuite } from './familySuite.ts';

familySuite('roberta', /^(?:roberta\.(?:embeddings|encoder)|lm_head)\./);
