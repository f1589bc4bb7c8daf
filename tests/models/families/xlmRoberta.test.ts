import { familySuite } from './familySuite.ts';

familySuite('xlm-roberta', /^(?:roberta\.(?:embeddings|encoder)|lm_head)\./);
