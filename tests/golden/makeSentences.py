"""A small encoder with every kind of sentence pooling, and its vectors, with PyTorch 2.15, transformers 5.24 and
sentence-transformers 6.2. usage: python makeSentences.py sentences/   (writes sentences/encoder and sentences/vectors.json)"""
import json, os, shutil, sys
import torch
from transformers import BertConfig, BertModel, BertTokenizerFast
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Dense, Normalize, Transformer
from sentence_transformers.sentence_transformer.modules import Pooling

root = sys.argv[1]
bare, folder = f'{root}/bare', f'{root}/encoder'
torch.manual_seed(7)
words = '[PAD] [UNK] [CLS] [SEP] [MASK] a the man woman cat is play ##ing ##s red house by river . no'.split()
BertTokenizerFast(vocab={word: i for i, word in enumerate(words)}).save_pretrained(bare)
config = BertConfig(vocab_size=len(words), hidden_size=12, num_hidden_layers=2, num_attention_heads=3, intermediate_size=20,
                    max_position_embeddings=24, initializer_range=0.5)
BertModel(config, add_pooling_layer=False).save_pretrained(bare)
encoder = Transformer(bare, max_seq_length=10)
sentences = ['the man is playing by the red house .', 'a cat', 'no', 'the woman plays', 'a river by the house is red , and no cat is playing']


def vectors(*modules, prompt=None):
    model = SentenceTransformer(modules=[encoder, *modules], prompts={'query': 'the woman '})
    model.eval()
    return model, model.encode(sentences, prompt_name=prompt).tolist()


poolers = ['cls', 'max', 'mean', 'mean_sqrt_len_tokens', 'weightedmean', 'lasttoken']
found = {pooler: vectors(Pooling(12, pooling_mode=pooler))[1] for pooler in poolers}
model, found['folder'] = vectors(Pooling(12, pooling_mode=('cls', 'mean', 'max')), Dense(36, 7), Normalize())
found['folder, query'] = model.encode(sentences, prompt_name='query').tolist()
model.save(folder)
os.remove(f'{folder}/README.md')
shutil.rmtree(bare)
json.dump({'sentences': sentences, 'vectors': found}, open(f'{root}/vectors.json', 'w'))
