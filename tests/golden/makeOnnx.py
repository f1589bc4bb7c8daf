"""ONNX exports of the golden teacher, with PyTorch 2.15, transformers 5.23, onnx 1.23 and onnxscript 0.7.
usage: python makeOnnx.py checkpoints/   (writes onnx-* beside safetensors/, and onnx-merged above)"""
import json, os, shutil, sys
import onnx, torch
from safetensors.torch import load_file
from transformers import BertConfig, BertForMaskedLM, BertForQuestionAnswering

root = sys.argv[1]
source = f'{root}/safetensors'
weights = load_file(f'{source}/model.safetensors')
settings = json.load(open(f'{source}/config.json'))
config = BertConfig(**settings)
config._attn_implementation = 'eager'
config.return_dict = False
inputs = ['input_ids', 'attention_mask', 'token_type_ids']
ids = torch.randint(5, 61, (2, 7))
arguments = (ids, torch.ones_like(ids), torch.zeros_like(ids))


class Questions(BertForQuestionAnswering):
    """Takes its arguments in the order of `inputs`, which the tracing exporter needs."""

    def forward(self, input_ids, attention_mask, token_type_ids):
        return super().forward(input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids)


def folder(name, kind):
    path = f'{root}/{name}'
    os.makedirs(path, exist_ok=True)
    json.dump({**settings, 'architectures': [kind]}, open(f'{path}/config.json', 'w'), indent=1)
    shutil.copy(f'{source}/vocab.txt', path)
    return f'{path}/model.onnx'


def export(name, kind, model, outputs, **options):
    model.load_state_dict(weights, strict=False)
    model.tie_weights()
    torch.onnx.export(model.eval(), arguments, folder(name, kind), input_names=inputs, output_names=outputs, **options)


def traced(outputs):
    return {'dynamo': False, 'opset_version': 14, 'dynamic_axes': {n: {0: 'batch', 1: 'sequence'} for n in inputs + outputs}}


export('onnx-torchscript', 'BertForMaskedLM', BertForMaskedLM(config), ['logits'], **traced(['logits']))
export('onnx-qa', 'BertForQuestionAnswering', Questions(config), ['start', 'end'], **traced(['start', 'end']))
axes = {0: torch.export.Dim('batch'), 1: torch.export.Dim('sequence', max=40)}
export('onnx-dynamo', 'BertForMaskedLM', BertForMaskedLM(config), ['logits'], dynamo=True, external_data=True, dynamic_shapes=[axes] * 3)
# Node names that only count, as PyTorch before 1.13 wrote them.
model = onnx.load(f'{root}/onnx-torchscript/model.onnx')
for i, node in enumerate(model.graph.node):
    node.name = f'{node.op_type}_{i}'
onnx.save(model, folder('onnx-anonymous', 'BertForMaskedLM'))

# An untrained model, small: of its equal tensors (all biases, all norms) the exporter keeps one, and notes where each is read.
torch.manual_seed(1)
small = {'hidden_size': 8, 'num_hidden_layers': 2, 'num_attention_heads': 2, 'intermediate_size': 12, 'max_position_embeddings': 10}
untrained = BertForMaskedLM(BertConfig(**settings | small, attn_implementation='eager', return_dict=False)).eval()
path = folder('../onnx-merged', 'BertForMaskedLM')
untrained.save_pretrained(os.path.dirname(path))
json.dump(settings | small, open(f'{os.path.dirname(path)}/config.json', 'w'), indent=1)
auto = {0: torch.export.Dim.AUTO, 1: torch.export.Dim.AUTO}
torch.onnx.export(
    untrained, tuple(x[:, :6] for x in arguments), path, input_names=inputs, output_names=['logits'], dynamo=True, external_data=False,
    dynamic_shapes=[auto] * 3,
)
model = onnx.load(path)
for held in (model, model.graph, *model.graph.node, *model.graph.initializer, *model.graph.input, *model.graph.output):
    kept = [(note.key, note.value) for note in held.metadata_props if note.key == 'pkg.torch.onnx.name_scopes']
    del held.metadata_props[:]
    for key, value in kept:
        held.metadata_props.add(key=key, value=value)
del model.graph.value_info[:]
onnx.save(model, path)
