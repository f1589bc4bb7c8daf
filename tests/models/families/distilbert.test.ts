import { familySuite } from './familySuite.ts';

familySuite('distilbert', /^(?:distilbert\.(?:embeddings|transformer)\.|vocab_(?:transform|layer_norm|projector)\.)/);
