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
USUAL_SHAPE = (LAYERS, HIDDEN, HEADS, INNER, STUDENT, HEADS, STUDENT_INNER)
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

# Rotary positions, local layers, norms first, a gated FFN, tensors that hold several matrices. Heads go whole, since rotary positions tie
# their dimensions in pairs. Layers: one without a norm, a local one, and a global one with a norm.
PACKED = {'attn.Wqkv': ('attn.Wq', 'attn.Wk', 'attn.Wv'), 'mlp.Wi': ('mlp.Wi_active', 'mlp.Wi_gate')}
FAMILIES['modernbert'] = {
    'config': T.ModernBertConfig, 'model': T.ModernBertForMaskedLM, 'special': SPECIAL, 'shape': (3, 30, 3, 45, 20, 2, 23), 'spread': .25,
    'settings': {'hidden_size': 30, 'num_hidden_layers': 3, 'num_attention_heads': 3, 'intermediate_size': 45, 'max_position_embeddings': POSITIONS, 'local_attention': 6,
                 'layer_types': ['full_attention', 'sliding_attention', 'full_attention'], 'cls_token_id': 2, 'sep_token_id': 3, 'bos_token_id': 2, 'eos_token_id': 3,
                 'rope_parameters': {'full_attention': {'rope_type': 'default', 'rope_theta': 900.}, 'sliding_attention': {'rope_type': 'default', 'rope_theta': 40.}}},
    'student': {'hidden_size': 20, 'num_attention_heads': 2, 'intermediate_size': 23},
    'tables': ['model.embeddings.tok_embeddings.weight'], 'embedding norm': 'model.embeddings.norm', 'final norm': 'model.final_norm',
    'layer': lambda i: f'model.layers.{i}.', 'no attention norm': (0,),
    'modules': {'query': 'attn.Wqkv', 'key': 'attn.Wqkv', 'value': 'attn.Wqkv', 'attention.output': 'attn.Wo', 'intermediate': 'mlp.Wi', 'gate': 'mlp.Wi', 'output': 'mlp.Wo',
                'attention norm': 'attn_norm', 'output norm': 'mlp_norm'},
    'weights': {'query': 'attn.Wq', 'key': 'attn.Wk', 'value': 'attn.Wv', 'intermediate': 'mlp.Wi_active', 'gate': 'mlp.Wi_gate'},
    'transform': 'head.dense', 'transform norm': 'head.norm', 'decoder': 'decoder.weight', 'bias': 'decoder.bias', 'copies': {},
}


def in_float64():
    """ModernBERT's code turns, and takes the softmax, in float32 whatever the model is in: the same lines in float64."""
    from transformers.models.modernbert import modeling_modernbert as M

    def turned(self, x, position_ids, layer_type):
        dim = self.config.hidden_size // self.config.num_attention_heads
        steps = self.config.rope_parameters[layer_type]['rope_theta'] ** (-torch.arange(0, dim, 2, dtype=torch.float64) / dim)
        angles = position_ids[..., None].double() * steps
        angles = torch.cat((angles, angles), dim=-1)
        return angles.cos(), angles.sin()

    def applied(q, k, cos, sin, unsqueeze_dim=1):
        cos, sin = cos.unsqueeze(unsqueeze_dim), sin.unsqueeze(unsqueeze_dim)
        return q * cos + M.rotate_half(q) * sin, k * cos + M.rotate_half(k) * sin

    def attend(module, query, key, value, attention_mask, scaling, dropout=0., **_):
        weights = query @ key.transpose(2, 3) * scaling
        weights = F.softmax(weights if attention_mask is None else weights + attention_mask, dim=-1)
        return (weights @ value).transpose(1, 2).contiguous(), weights
    M.ModernBertRotaryEmbedding.forward, M.apply_rotary_pos_emb, M.eager_attention_forward = turned, applied, attend


def split(tensors):
    """Tensors that hold several matrices as those, by the studio's names for them."""
    found = {}
    for name, tensor in tensors.items():
        module, _, end = name.rpartition('.')
        parts = next((parts for stem, parts in PACKED.items() if module.endswith(stem)), None)
        if parts is None: found[name] = tensor; continue
        stem = next(stem for stem in PACKED if module.endswith(stem))
        found.update({f'{module[:-len(stem)]}{part}.{end}': piece for part, piece in zip(parts, tensor.chunk(len(parts), 0))})
    return found


def pack(tensors):
    """The other way round."""
    found = dict(tensors)
    for stem, parts in PACKED.items():
        first = f'{parts[0]}.weight'
        for name in [n for n in tensors if n.endswith(first)]:
            found[f'{name[:-len(first)]}{stem}.weight'] = torch.cat([found.pop(f'{name[:-len(first)]}{part}.weight') for part in parts])
    return found


def f32(tensors):
    return {k: v.detach().clone().to(torch.float32 if v.is_floating_point() else v.dtype).contiguous() for k, v in tensors.items()}


def make(name, out):
    torch.manual_seed(20261201 + sum(map(ord, name)))
    s = FAMILIES[name]
    LAYERS, HIDDEN, HEADS, INNER, STUDENT, STUDENT_HEADS, STUDENT_INNER = s.get('shape', USUAL_SHAPE)
    SIZE, STUDENT_SIZE = HIDDEN // HEADS, STUDENT // STUDENT_HEADS
    vocabulary = s['special'] + WORDS
    tables, student_tables = s.get('embedding', (HIDDEN, STUDENT))  # widths of what the tables write and the decoder reads
    pad, sep, mask, cls = (vocabulary.index(t) for t in ('[PAD]', '[SEP]', '[MASK]', '[CLS]'))
    config = s['config'](vocab_size=VOCABULARY, pad_token_id=pad, initializer_range=.02, **s['settings'])
    config._attn_implementation = 'eager'
    m = s['model'](config).eval()
    weights_of = {**s['modules'], **s.get('weights', {})}
    with torch.no_grad():
        for n, p in m.named_parameters():
            if p.dim() == 1 and 'norm' in n.lower() and n.endswith('weight'): p.copy_(1 + .2 * torch.randn_like(p))
            elif p.dim() == 1: p.copy_(.1 * torch.randn_like(p))
            else: p.copy_((.5 if 'embeddings.' in n else .25) * torch.randn_like(p))
            p.copy_(p.float().double())  # exactly representable in float32
    m.tie_weights()
    if name == 'modernbert':
        probe = torch.arange(5, 18)[None]
        rounded = m(input_ids=probe).logits
        in_float64()
        print('float32 within', float((m(input_ids=probe).logits - rounded).abs().max()))
    folder = f'{out}/{name}'
    os.makedirs(folder, exist_ok=True)
    open(f'{folder}/vocab.txt', 'w').write('\n'.join(vocabulary) + '\n')
    # float32 is what users keep; the config says so too.
    m.float().save_pretrained(folder)
    m.double()
    written = f'{folder}/config.json'
    json.dump({k: v for k, v in json.load(open(written)).items() if k not in ('dtype', 'transformers_version')}, open(written, 'w'), indent=1)
    # Without the names that tied tensors have besides.
    own = lambda model, value: split({n: value(p) for n, p in model.named_parameters(remove_duplicate=False) if n != s['decoder'] and n not in s['copies']})
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
    gold.update({f'gradient.{n}': g for n, g in own(m, lambda p: p.grad).items()})
    W = own(m, lambda p: p.detach().clone())

    # Calibration (docs/method.md section 4) of these tokens without padding, at dimensions 0, 2, 4 and so on: least squares, and products of head factors.
    valid, acts, hooks = attention.bool(), {}, []
    module = dict(m.named_modules())
    at = lambda i, part: module[s['layer'](i) + s['modules'][part]]
    output_of = lambda key: lambda mod, inp, out_: acts.__setitem__(key, out_.detach()[valid])
    input_of = lambda key: lambda mod, inp: acts.__setitem__(key, inp[0].detach()[valid])
    hooks.append(at(0, 'query').register_forward_pre_hook(input_of('0.read')))
    for i in range(LAYERS):
        if i > 0: hooks.append(at(i, 'query').register_forward_pre_hook(input_of(f'{i}.read')))
        hooks += [at(i, 'intermediate').register_forward_pre_hook(input_of(f'{i}.attention')), at(i, 'output').register_forward_pre_hook(input_of(f'{i}.inner')),
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
    kept = {i: list(range(HEADS)) for i in range(LAYERS)}
    chol = lambda C: torch.linalg.cholesky(C + 1e-6 * C.diagonal().mean() * torch.eye(SIZE))
    for i in range(LAYERS):
        X, V = acts[f'{i}.read'], acts[f'{i}.values']
        weight = lambda part, of='weight': W.get(f"{s['layer'](i)}{weights_of[part]}.{of}")
        Wq, bq, Wk, Wo = weight('query'), weight('query', 'bias'), weight('key'), weight('attention.output')
        if STUDENT_HEADS < HEADS:  # whole heads: those whose attended values explain most of what comes out, one after the other
            C, chosen = V.T @ V, []
            of = lambda heads: torch.tensor([h * SIZE + j for h in heads for j in range(SIZE)])
            while len(chosen) < STUDENT_HEADS:
                def explained(h):
                    r = of(chosen + [h]); block = C[r][:, r]
                    return float((torch.linalg.solve(block + 1e-6 * block.diagonal().mean() * torch.eye(len(r)), C[r] @ Wo.T) * (C[r] @ Wo.T)).sum())
                chosen.append(max((h for h in range(HEADS) if h not in chosen), key=explained))
            kept[i] = sorted(chosen)
            gold[f'heads.{i}'] = torch.tensor(kept[i])
            continue
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
    blocks = lambda: torch.block_diag(*[s.get('spread', .4) * torch.randn(STUDENT_SIZE, SIZE) for _ in range(STUDENT_HEADS)])
    K = {'embeddings': .4 * torch.randn(tables, student_tables), 'transform.L': .3 * torch.randn(HIDDEN, STUDENT), 'transform.R': .3 * torch.randn(student_tables, tables), 'decoder.L': .3 * torch.randn(tables, student_tables)}
    if 'projection' in s: K['projection.L'] = .4 * torch.randn(tables, student_tables); K['projection.R'] = .4 * torch.randn(STUDENT, HIDDEN)
    for i in range(LAYERS):
        for w in ('query', 'key', 'value'): K[f'layer.{i}.{w}.L'] = .3 * torch.randn(HIDDEN, STUDENT); K[f'layer.{i}.{w}.R'] = blocks()
        K[f'layer.{i}.attention.output.L'] = blocks().T.contiguous(); K[f'layer.{i}.attention.output.R'] = .3 * torch.randn(STUDENT, HIDDEN)
        K[f'layer.{i}.intermediate.L'] = .3 * torch.randn(HIDDEN, STUDENT); K[f'layer.{i}.intermediate.R'] = .25 * torch.randn(STUDENT_INNER, INNER)
        if 'gate' in weights_of: K[f'layer.{i}.gate.L'] = .3 * torch.randn(HIDDEN, STUDENT); K[f'layer.{i}.gate.R'] = .25 * torch.randn(STUDENT_INNER, INNER)
        K[f'layer.{i}.output.L'] = .25 * torch.randn(INNER, STUDENT_INNER); K[f'layer.{i}.output.R'] = .3 * torch.randn(STUDENT, HIDDEN)
    norms = [s['embedding norm']] + [s['layer'](i) + s['modules'][n] for i in range(LAYERS) for n in ('attention norm', 'output norm') if n == 'output norm' or i not in s.get('no attention norm', ())]
    norms += ([s['final norm']] if 'final norm' in s else []) + [s['transform norm']]
    LN = {f'{n}.{p}': W[f'{n}.{p}'][:student_tables if n in (norms[0], norms[-1]) else STUDENT] for n in norms for p in ('weight', 'bias') if f'{n}.{p}' in W}
    K, LN = ({n: v.float().double().requires_grad_(True) for n, v in group.items()} for group in (K, LN))

    def merge():
        P = {n: W[n] @ K['embeddings'] for n in s['tables']}
        P.update(LN)
        P[s['transform'] + '.weight'] = K['transform.R'] @ W[s['transform'] + '.weight'] @ K['transform.L']
        if s['transform'] + '.bias' in W: P[s['transform'] + '.bias'] = K['transform.R'] @ W[s['transform'] + '.bias']
        if 'projection' in s:
            P[s['projection'] + '.weight'] = K['projection.R'] @ W[s['projection'] + '.weight'] @ K['projection.L']
            P[s['projection'] + '.bias'] = K['projection.R'] @ W[s['projection'] + '.bias']
        P[s['decoder']] = W[s['tables'][0]] @ K['decoder.L']
        P[s['bias']] = W[s['bias']]
        for i in range(LAYERS):
            dimensions = torch.tensor([h * SIZE + j for h in kept[i] for j in range(SIZE)])
            for part in ('query', 'key', 'value', 'attention.output', 'intermediate', 'gate', 'output'):
                if part not in weights_of: continue
                R, L = K[f'layer.{i}.{part}.R'], K[f'layer.{i}.{part}.L']
                theirs = s['layer'](i) + weights_of[part]
                c = math.sqrt(STUDENT_SIZE / SIZE) if part == 'query' else 1.  # the student's runtime divides by sqrt of its own head size
                matrix, shift = W[theirs + '.weight'], W.get(theirs + '.bias')
                if STUDENT_HEADS < HEADS:
                    if part in ('query', 'key', 'value'): matrix = matrix[dimensions]
                    if part == 'attention.output': matrix = matrix[:, dimensions]
                P[theirs + '.weight'] = c * (R @ matrix @ L)
                if shift is not None: P[theirs + '.bias'] = c * (R @ shift)
        return P
    student_config = s['config'](**{**config.to_dict(), **s['student'], 'tie_word_embeddings': False})
    student_config._attn_implementation = 'eager'
    student = s['model'](student_config).eval()

    def answer(P):
        full = pack({**P, **{copy: P[of] for copy, of in s['copies'].items()}})
        return torch.func.functional_call(student, full, kwargs={**given, 'labels': labels, 'output_attentions': True})
    blocked = lambda n, v: torch.stack([v.chunk(STUDENT_HEADS, 0)[h].chunk(STUDENT_HEADS, 1)[h] for h in range(STUDENT_HEADS)]) if BLOCKED.search(n) else v
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
            for n in ('query.R', 'key.R', 'value.R'): K[f'layer.{i}.{n}'].grad *= torch.block_diag(*[torch.ones(STUDENT_SIZE, SIZE)] * STUDENT_HEADS)
            K[f'layer.{i}.attention.output.L'].grad *= torch.block_diag(*[torch.ones(SIZE, STUDENT_SIZE)] * STUDENT_HEADS)
        sizes.append(torch.nn.utils.clip_grad_norm_(trained, 1.0)); losses.append(loss.detach()); opt.step()
    gold.update({'losses': torch.stack(losses), 'grad_norms': torch.stack(sizes), **{f'after.{n}': blocked(n, {**K, **LN}[n]) for n in AFTER + (['layer.1.gate.L'] if 'gate' in weights_of else []) + [norms[0] + '.weight']}})
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
