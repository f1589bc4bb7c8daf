import { familySuite } from './familySuite.ts';

familySuite('camembert', /^(?:roberta\.(?:embeddings|encoder)|lm_head)\./);
