"""Golden numbers of BERT's relatives in float64, stored as float32, with PyTorch 2.15, transformers 5.24 and safetensors 0.8.
usage: python makeFamilies.py families/ [FAMILY...]   (writes families/FAMILY/: a checkpoint as save_pretrained makes it, and golden.safetensors)

Names of modules are written down here apart from the studio. Sizes are odd, so that nothing fits by chance."""
import json, math, os, re, sys, tempfile
import torch, torch.nn.functional as F
from safetensors import safe_open
from safetensors.torch import save_file
import transformers as T

torch.set_default_dtype(torch.float64)
LAYERS, HIDDEN, HEADS, INNER, VOCABULARY, POSITIONS = 2, 27, 3, 45, 61, 35
STUDENT, STUDENT_INNER = 15, 23
SIZE, STUDENT_SIZE = HIDDEN // HEADS, STUDENT // HEADS
LETTERS = list('abcdefghijklmnopqrstuvwxyz')
WORDS = LETTERS + ['##' + c for c in LETTERS] + ['the', '##ing', '.', ',']
SPECIAL = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]']
BERT_LAYER = {'query': 'attention.self.query', 'key': 'attention.self.key', 'value': 'attention.self.value', 'attention.output': 'attention.output.dense',
              'intermediate': 'intermediate.dense', 'output': 'output.dense', 'attention norm': 'attention.output.LayerNorm', 'output norm': 'output.LayerNorm'}
USUAL = {'hidden_size': HIDDEN, 'num_hidden_layers': LAYERS, 'num_attention_heads': HEADS, 'intermediate_size': INNER, 'hidden_dropout_prob': 0., 'attention_probs_dropout_prob': 0.}
STUDENT_USUAL = {'hidden_size': STUDENT, 'intermediate_size': STUDENT_INNER}

# Compactors of heads, of which the blocks alone are kept.
BLOCKED = re.compile(r'(query|key|value)\.R$|attention\.output\.L$')
# Of the trained compactors, those that are kept to compare: a table's, a block, a reader's and a writer's.
AFTER = ['embeddings', 'layer.0.query.R', 'layer.1.intermediate.L', 'layer.1.output.R', 'transform.L', 'decoder.L']

FAMILIES = {
    'distilbert': {
        'config': T.DistilBertConfig, 'model': T.DistilBertForMaskedLM, 'special': SPECIAL,
        'settings': {'dim': HIDDEN, 'n_layers': LAYERS, 'n_heads': HEADS, 'hidden_dim': INNER, 'dropout': 0., 'attention_dropout': 0., 'activation': 'gelu', 'max_position_embeddings': POSITIONS},
        'student': {'dim': STUDENT, 'hidden_dim': STUDENT_INNER},
        'tables': ['distilbert.embeddings.word_embeddings.weight', 'distilbert.embeddings.position_embeddings.weight'], 'embedding norm': 'distilbert.embeddings.LayerNorm',
        'layer': lambda i: f'distilbert.transformer.layer.{i}.',
        'modules': {'query': 'attention.q_lin', 'key': 'attention.k_lin', 'value': 'attention.v_lin', 'attention.output': 'attention.out_lin', 'intermediate': 'ffn.lin1', 'output': 'ffn.lin2',
                    'attention norm': 'sa_layer_norm', 'output norm': 'output_layer_norm'},
        'transform': 'vocab_transform', 'transform norm': 'vocab_layer_norm', 'decoder': 'vocab_projector.weight', 'bias': 'vocab_projector.bias', 'copies': {},
    },
}

# RoBERTa's vocabularies begin in another order, and positions are counted by where padding stands in it.
ROBERTA = {
    'config': T.RobertaConfig, 'model': T.RobertaForMaskedLM, 'special': ['[CLS]', '[PAD]', '[SEP]', '[UNK]', '[MASK]'],
    'settings': {**USUAL, 'max_position_embeddings': POSITIONS, 'type_vocab_size': 1, 'layer_norm_eps': 1e-5}, 'student': STUDENT_USUAL,
    'tables': [f'roberta.embeddings.{n}_embeddings.weight' for n in ('word', 'position', 'token_type')], 'embedding norm': 'roberta.embeddings.LayerNorm',
    'layer': lambda i: f'roberta.encoder.layer.{i}.', 'modules': BERT_LAYER,
    'transform': 'lm_head.dense', 'transform norm': 'lm_head.layer_norm', 'decoder': 'lm_head.decoder.weight', 'bias': 'lm_head.bias', 'copies': {'lm_head.decoder.bias': 'lm_head.bias'},
}
FAMILIES['roberta'] = ROBERTA
# The same modules under other class names: two segments and a late padding token, so that they differ at all.
FAMILIES['xlm-roberta'] = {**ROBERTA, 'config': T.XLMRobertaConfig, 'model': T.XLMRobertaForMaskedLM, 'settings': {**ROBERTA['settings'], 'type_vocab_size': 2}}
FAMILIES['camembert'] = {**ROBERTA, 'config': T.CamembertConfig, 'model': T.CamembertForMaskedLM, 'special': ['[CLS]', '[SEP]', '[UNK]', '[PAD]', '[MASK]']}

FAMILIES['electra'] = {
    'config': T.ElectraConfig, 'model': T.ElectraForMaskedLM, 'special': SPECIAL, 'types': True,
    'settings': {**USUAL, 'embedding_size': HIDDEN, 'max_position_embeddings': POSITIONS}, 'student': {**STUDENT_USUAL, 'embedding_size': STUDENT},
    'tables': [f'electra.embeddings.{n}_embeddings.weight' for n in ('word', 'position', 'token_type')], 'embedding norm': 'electra.embeddings.LayerNorm',
    'layer': lambda i: f'electra.encoder.layer.{i}.', 'modules': BERT_LAYER,
    'transform': 'generator_predictions.dense', 'transform norm': 'generator_predictions.LayerNorm', 'decoder': 'generator_lm_head.weight', 'bias': 'generator_lm_head.bias', 'copies': {},
}

# Tables of another width than the layers, as in the small ELECTRA; the student's are in proportion.
FAMILIES['electra-small'] = {**FAMILIES['electra'], 'embedding': (19, 11), 'projection': 'electra.embeddings_project',
                             'settings': {**FAMILIES['electra']['settings'], 'embedding_size': 19}, 'student': {**STUDENT_USUAL, 'embedding_size': 11}}


def f32(tensors):
    return {k: v.detach().clone().to(torch.float32 if v.is_floating_point() else v.dtype).contiguous() for k, v in tensors.items()}


def make(name, out):
    torch.manual_seed(20261201 + sum(map(ord, name)))
    s = FAMILIES[name]
    vocabulary = s['special'] + WORDS
    tables, student_tables = s.get('embedding', (HIDDEN, STUDENT))  # widths of what the tables write and the decoder reads
    pad, sep, mask, cls = (vocabulary.index(t) for t in ('[PAD]', '[SEP]', '[MASK]', '[CLS]'))
    config = s['config'](vocab_size=VOCABULARY, pad_token_id=pad, initializer_range=.02, **s['settings'])
    config._attn_implementation = 'eager'
    m = s['model'](config).eval()
    with torch.no_grad():
        for n, p in m.named_parameters():
            if p.dim() == 1 and 'norm' in n.lower() and n.endswith('weight'): p.copy_(1 + .2 * torch.randn_like(p))
            elif p.dim() == 1: p.copy_(.1 * torch.randn_like(p))
            else: p.copy_((.5 if 'embeddings.' in n else .25) * torch.randn_like(p))
            p.copy_(p.float().double())  # exactly representable in float32
    m.tie_weights()
    folder = f'{out}/{name}'
    os.makedirs(folder, exist_ok=True)
    open(f'{folder}/vocab.txt', 'w').write('\n'.join(vocabulary) + '\n')
    # float32 is what users keep; the config says so too.
    m.float().save_pretrained(folder)
    m.double()
    written = f'{folder}/config.json'
    json.dump({k: v for k, v in json.load(open(written)).items() if k not in ('dtype', 'transformers_version')}, open(written, 'w'), indent=1)
    # Without the names that tied tensors have besides.
    own = lambda model: {n: p for n, p in model.named_parameters(remove_duplicate=False) if n != s['decoder'] and n not in s['copies']}
    gold = {}
    keep_now = lambda tensors: gold.update({k: v.detach().clone() for k, v in tensors.items()})  # training changes tensors in place

    # A batch: 3 sequences of up to 13 tokens, the last ones padded.
    ids = torch.randint(5, VOCABULARY, (3, 13)); attention = torch.ones_like(ids); ids[:, 0] = cls
    for b, n in enumerate((13, 10, 7)): ids[b, n - 1] = sep; ids[b, n:] = pad; attention[b, n:] = 0
    types = torch.zeros_like(ids)
    if s.get('types'): types[0, 6:] = 1; types[1, 5:10] = 1
    labels = torch.full_like(ids, -100)
    for b, t in ((0, 2), (0, 5), (0, 11), (1, 3), (1, 7), (2, 1), (2, 5)): labels[b, t] = ids[b, t]; ids[b, t] = mask
    ids[0, 5] = labels[0, 5]; ids[1, 7] = 33  # one kept, one random, the rest [MASK]
    gold.update({'input_ids': ids, 'attention_mask': attention, 'token_type_ids': types, 'labels': labels})
    given = {'input_ids': ids, 'attention_mask': attention, **({'token_type_ids': types} if s.get('types') else {})}

    o = m(**given, labels=labels, output_attentions=True, output_hidden_states=True)
    o.loss.backward()
    gold.update({'logits': o.logits, 'loss': o.loss.reshape(1), **{f'attentions.{i}': a for i, a in enumerate(o.attentions)}, 'hidden': o.hidden_states[-1]})
    gold.update({f'gradient.{n}': p.grad for n, p in own(m).items()})

    # Calibration (docs/method.md section 4) of these tokens without padding, at dimensions 0, 2, 4 and so on: least squares, and products of head factors.
    valid, acts, hooks = attention.bool(), {}, []
    module = dict(m.named_modules())
    at = lambda i, part: module[s['layer'](i) + s['modules'][part]]
    output_of = lambda key: lambda mod, inp, out_: acts.__setitem__(key, out_.detach()[valid])
    input_of = lambda key: lambda mod, inp: acts.__setitem__(key, inp[0].detach()[valid])
    hooks.append(at(0, 'query').register_forward_pre_hook(input_of('0.read')))
    for i in range(LAYERS):
        if i > 0: hooks.append(at(i, 'query').register_forward_pre_hook(input_of(f'{i}.read')))
        hooks += [at(i, 'attention norm').register_forward_hook(output_of(f'{i}.attention')), at(i, 'output').register_forward_pre_hook(input_of(f'{i}.inner')),
                  at(i, 'attention.output').register_forward_pre_hook(input_of(f'{i}.values'))]
    hooks += [module[s['transform']].register_forward_pre_hook(input_of('final')), module[s['transform norm']].register_forward_hook(output_of('transform'))]
    sites = []
    if 'projection' in s: sites = ['embedding']; hooks.append(module[s['projection']].register_forward_pre_hook(input_of('embedding')))
    m(**given)
    for hook in hooks: hook.remove()
    keep = lambda width, to: torch.arange(0, width, 2)[:to]

    def lsq(x, kept):
        C = x.T @ x
        Ckk = C[kept][:, kept]
        return torch.linalg.solve(Ckk + 1e-3 * Ckk.diagonal().mean() * torch.eye(len(kept)), C[kept]).T
    for key in [f'{i}.{part}' for i in range(LAYERS) for part in ('read', 'attention', 'inner')] + ['final', 'transform'] + sites:
        width = acts[key].shape[1]
        gold[f'least.{key}'] = lsq(acts[key], keep(width, STUDENT_INNER if key.endswith('inner') else (width + 1) // 2))
    chol = lambda C: torch.linalg.cholesky(C + 1e-6 * C.diagonal().mean() * torch.eye(SIZE))
    for i in range(LAYERS):
        X, V = acts[f'{i}.read'], acts[f'{i}.values']
        Wq, bq, Wk, Wo = at(i, 'query').weight.detach(), at(i, 'query').bias.detach(), at(i, 'key').weight.detach(), at(i, 'attention.output').weight.detach()
        for h in range(HEADS):
            r = slice(h * SIZE, (h + 1) * SIZE)
            q, k = X @ Wq[r].T + bq[r], X @ Wk[r].T
            k = k - k.mean(0)
            Sq, Sk = chol(q.T @ q), chol(k.T @ k)
            U, D, Vh = torch.linalg.svd(Sq.T @ Sk)
            U, D, Vh = U[:, :STUDENT_SIZE], D[:STUDENT_SIZE], Vh[:STUDENT_SIZE]
            Rq, Rk = (torch.linalg.solve(Sq.T, U) * D.sqrt()).T, (torch.linalg.solve(Sk.T, Vh.T) * D.sqrt()).T
            So = chol((V.T @ V)[r][:, r])
            Z = torch.linalg.svd(Wo[:, r] @ So, full_matrices=False)[2][:STUDENT_SIZE]
            gold[f'{i}.{h}.query_key'] = Rq.T @ Rk  # only the products are unique: singular vectors have free signs
            gold[f'{i}.{h}.value_output'] = (So @ Z.T) @ (Z @ torch.linalg.inv(So))

    # Compactors, what they merge to in the family's own class, and three steps of their training.
    blocks = lambda: torch.block_diag(*[.4 * torch.randn(STUDENT_SIZE, SIZE) for _ in range(HEADS)])
    K = {'embeddings': .4 * torch.randn(tables, student_tables), 'transform.L': .3 * torch.randn(HIDDEN, STUDENT), 'transform.R': .3 * torch.randn(student_tables, tables), 'decoder.L': .3 * torch.randn(tables, student_tables)}
    if 'projection' in s: K['projection.L'] = .4 * torch.randn(tables, student_tables); K['projection.R'] = .4 * torch.randn(STUDENT, HIDDEN)
    for i in range(LAYERS):
        for w in ('query', 'key', 'value'): K[f'layer.{i}.{w}.L'] = .3 * torch.randn(HIDDEN, STUDENT); K[f'layer.{i}.{w}.R'] = blocks()
        K[f'layer.{i}.attention.output.L'] = blocks().T.contiguous(); K[f'layer.{i}.attention.output.R'] = .3 * torch.randn(STUDENT, HIDDEN)
        K[f'layer.{i}.intermediate.L'] = .3 * torch.randn(HIDDEN, STUDENT); K[f'layer.{i}.intermediate.R'] = .25 * torch.randn(STUDENT_INNER, INNER)
        K[f'layer.{i}.output.L'] = .25 * torch.randn(INNER, STUDENT_INNER); K[f'layer.{i}.output.R'] = .3 * torch.randn(STUDENT, HIDDEN)
    norms = [s['embedding norm']] + [s['layer'](i) + s['modules'][n] for i in range(LAYERS) for n in ('attention norm', 'output norm')] + [s['transform norm']]
    W = {n: p.detach().clone() for n, p in own(m).items()}
    LN = {f'{n}.{p}': W[f'{n}.{p}'][:student_tables if n in (norms[0], norms[-1]) else STUDENT] for n in norms for p in ('weight', 'bias')}
    K, LN = ({n: v.float().double().requires_grad_(True) for n, v in group.items()} for group in (K, LN))

    def merge():
        P = {n: W[n] @ K['embeddings'] for n in s['tables']}
        P.update(LN)
        P[s['transform'] + '.weight'] = K['transform.R'] @ W[s['transform'] + '.weight'] @ K['transform.L']
        P[s['transform'] + '.bias'] = K['transform.R'] @ W[s['transform'] + '.bias']
        if 'projection' in s:
            P[s['projection'] + '.weight'] = K['projection.R'] @ W[s['projection'] + '.weight'] @ K['projection.L']
            P[s['projection'] + '.bias'] = K['projection.R'] @ W[s['projection'] + '.bias']
        P[s['decoder']] = W[s['tables'][0]] @ K['decoder.L']
        P[s['bias']] = W[s['bias']]
        for i in range(LAYERS):
            for part in ('query', 'key', 'value', 'attention.output', 'intermediate', 'output'):
                R, L = K[f'layer.{i}.{part}.R'], K[f'layer.{i}.{part}.L']
                theirs = s['layer'](i) + s['modules'][part]
                c = math.sqrt(STUDENT_SIZE / SIZE) if part == 'query' else 1.  # the student's runtime divides by sqrt of its own head size
                P[theirs + '.weight'] = c * (R @ W[theirs + '.weight'] @ L)
                P[theirs + '.bias'] = c * (R @ W[theirs + '.bias'])
        return P
    student_config = s['config'](**{**config.to_dict(), **s['student'], 'tie_word_embeddings': False})
    student_config._attn_implementation = 'eager'
    student = s['model'](student_config).eval()

    def answer(P):
        full = {**P, **{copy: P[of] for copy, of in s['copies'].items()}}
        return torch.func.functional_call(student, full, kwargs={**given, 'labels': labels, 'output_attentions': True})
    blocked = lambda n, v: torch.stack([v.chunk(HEADS, 0)[h].chunk(HEADS, 1)[h] for h in range(HEADS)]) if BLOCKED.search(n) else v
    keep_now({f'compactor.{n}': blocked(n, v) for n, v in {**K, **LN}.items()})
    P = merge(); o = answer(P)
    keep_now({f'merged.{n}': v for n, v in P.items()})
    gold.update({'merged logits': o.logits, **{f'merged attentions.{i}': a for i, a in enumerate(o.attentions)}})
    trained = list(K.values()) + list(LN.values())
    opt = torch.optim.AdamW(trained, lr=1e-3, betas=(.9, .98), eps=1e-8, weight_decay=0.)
    losses, sizes = [], []
    for step in range(3):
        loss = answer(merge()).loss
        opt.zero_grad(); loss.backward()
        for i in range(LAYERS):  # entries outside a head's block stay zero
            for n in ('query.R', 'key.R', 'value.R'): K[f'layer.{i}.{n}'].grad *= torch.block_diag(*[torch.ones(STUDENT_SIZE, SIZE)] * HEADS)
            K[f'layer.{i}.attention.output.L'].grad *= torch.block_diag(*[torch.ones(SIZE, STUDENT_SIZE)] * HEADS)
        sizes.append(torch.nn.utils.clip_grad_norm_(trained, 1.0)); losses.append(loss.detach()); opt.step()
    gold.update({'losses': torch.stack(losses), 'grad_norms': torch.stack(sizes), **{f'after.{n}': blocked(n, {**K, **LN}[n]) for n in AFTER + [norms[0] + '.weight']}})
    save_file(f32(gold), f'{folder}/golden.safetensors', metadata={'format': 'pt', 'torch': torch.__version__, 'transformers': T.__version__})

    # What save_pretrained writes of such a student, tied and untied: its configuration, and its tensors' names.
    saved = {}
    for tied in (True, False):
        student = s['model'](s['config'](**{**config.to_dict(), **s['student'], 'tie_word_embeddings': tied}))
        with tempfile.TemporaryDirectory() as place:
            student.float().save_pretrained(place)
            found = json.load(open(f'{place}/config.json'))
            file = safe_open(f'{place}/model.safetensors', 'pt')
            saved['tied' if tied else 'untied'] = {'tensors': {k: list(file.get_slice(k).get_shape()) for k in sorted(file.keys())},
                                                   'config': {k: v for k, v in found.items() if k not in ('dtype', 'transformers_version')}}
    json.dump(saved, open(f'{folder}/saved.json', 'w'))
    for file in os.listdir(folder): os.chmod(f'{folder}/{file}', 0o644)
    print(name, 'loss', [round(float(x), 4) for x in losses], sum(os.path.getsize(f'{folder}/{f}') for f in os.listdir(folder)), 'bytes')


for family in sys.argv[2:] or FAMILIES:
    make(family, sys.argv[1])
