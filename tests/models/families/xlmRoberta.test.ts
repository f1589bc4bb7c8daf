import { familySuite, FEW_ENGINES } from './familySuite.ts';

familySuite('xlm-roberta', /^(?:roberta\.(?:embeddings|encoder)|lm_head)\./, { engines: FEW_ENGINES });
