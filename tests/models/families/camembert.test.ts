import { familySuite, FEW_ENGINES } from './familySuite.ts';

familySuite('camembert', /^(?:roberta\.(?:embeddings|encoder)|lm_head)\./, { engines: FEW_ENGINES });
