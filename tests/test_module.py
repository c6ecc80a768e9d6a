"""nn.Module: registration, walking, state, conversion, hooks, copying; and the containers."""

import copy
import pickle
import warnings
from collections import OrderedDict

import pytest

import flambeau as torch
from flambeau import nn
from flambeau.nn.modules import module as global_hooks


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(2, 3)
        self.tail = nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 1, bias=False))
        self.scale = nn.Parameter(torch.ones(2))
        self.register_buffer("shift", torch.zeros(3))
        self.register_buffer("scratch", torch.zeros(1), persistent=False)
        self.register_buffer("empty", None)
        self.register_parameter("absent", None)
        self.plain = 3

    def forward(self, x):
        return self.tail(self.fc(x * self.scale) + self.shift)


KEYS = ["scale", "shift", "fc.weight", "fc.bias", "tail.0.weight", "tail.0.bias", "tail.2.weight"]


def filled_linear(value=1.0):
    layer = nn.Linear(2, 2)
    with torch.no_grad():
        layer.weight.fill_(value)
        layer.bias.fill_(0)
    return layer


# ---- registration


def test_assigned_parameters_buffers_and_modules_are_registered():
    net = Net()
    assert [name for name, _ in net.named_parameters()] == ["scale", *KEYS[2:]]
    assert [name for name, _ in net.named_buffers()] == ["shift", "scratch"]
    assert [name for name, _ in net.named_children()] == ["fc", "tail"]
    assert net.absent is None and net.empty is None and net.plain == 3


@pytest.mark.parametrize(
    ("register", "error", "message"),
    [
        (lambda m: m.register_buffer("fc", None), KeyError, "attribute 'fc' already exists"),
        (lambda m: m.register_buffer("a.b", None), KeyError, 'buffer name can\'t contain "."'),
        (lambda m: m.register_buffer("", None), KeyError, 'buffer name can\'t be empty string ""'),
        (lambda m: m.register_buffer(3, None), TypeError, "buffer name should be a string. Got int"),
        (
            lambda m: m.register_buffer("new", 4),
            TypeError,
            "cannot assign 'int' object to buffer 'new' (torch Tensor or None required)",
        ),
        (
            lambda m: m.register_parameter("new", torch.ones(1)),
            TypeError,
            "cannot assign 'torch.FloatTensor' object to parameter 'new' "
            "(torch.nn.Parameter or None required)",
        ),
        (lambda m: m.register_parameter("plain", None), KeyError, "attribute 'plain' already exists"),
        (lambda m: m.add_module("new", 3), TypeError, "int is not a Module subclass"),
        (lambda m: m.add_module("a.b", nn.ReLU()), KeyError, 'module name can\'t contain ".", got: a.b'),
        (lambda m: m.add_module("", nn.ReLU()), KeyError, 'module name can\'t be empty string ""'),
        (
            lambda m: setattr(m, "scale", torch.ones(2)),
            TypeError,
            "cannot assign 'torch.FloatTensor' as parameter 'scale' (torch.nn.Parameter or None expected)",
        ),
        (
            lambda m: setattr(m, "fc", 3),
            TypeError,
            "cannot assign 'int' as child module 'fc' (torch.nn.Module or None expected)",
        ),
        (
            lambda m: setattr(m, "shift", 3),
            TypeError,
            "cannot assign 'int' as buffer 'shift' (torch.nn.Buffer, torch.Tensor or None expected)",
        ),
        (lambda m: m.missing, AttributeError, "'Net' object has no attribute 'missing'"),
    ],
)
def test_registration_refuses_what_does_not_fit(register, error, message):
    with pytest.raises(error) as raised:
        register(Net())
    assert raised.value.args[0] == message


def test_the_result_of_an_operation_is_no_parameter():
    with pytest.raises(TypeError, match="cannot assign 'torch.FloatTensor' object to parameter 'w'"):
        nn.Module().register_parameter("w", nn.Linear(2, 2).weight * 1)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (lambda: nn.Parameter(torch.ones(1)), "cannot assign parameters before Module.__init__() call"),
        (lambda: nn.ReLU(), "cannot assign module before Module.__init__() call"),
    ],
)
def test_assigning_before_init_is_refused(value, message):
    class Early(nn.Module):
        def __init__(self):
            self.a = value()
            super().__init__()

    with pytest.raises(AttributeError) as raised:
        Early()
    assert str(raised.value) == message


def test_module_takes_no_arguments():
    with pytest.raises(TypeError, match="takes 1 positional argument but 2 were given"):
        nn.Module(3)
    with pytest.raises(TypeError, match="got an unexpected keyword argument 'a'"):
        nn.Module(a=3)


def test_an_attribute_changes_its_kind_when_something_else_is_assigned():
    net = Net()
    net.fc = nn.Parameter(torch.ones(1))
    assert "fc" in dict(net.named_parameters()) and "fc" not in dict(net.named_modules())
    net.fc = None
    assert net.fc is None and "fc" in net._parameters


def test_a_tensor_assigned_to_a_buffer_replaces_it_and_keeps_its_persistence():
    net = Net()
    net.scratch = torch.ones(2)
    assert net.scratch.tolist() == [1, 1]
    assert list(net.state_dict()) == KEYS


def test_attributes_can_be_deleted():
    net = Net()
    del net.shift, net.scale, net.tail, net.plain
    assert list(net.state_dict()) == ["fc.weight", "fc.bias"]
    with pytest.raises(AttributeError):
        del net.plain


def test_buffer_objects_register_themselves():
    module = nn.Module()
    module.kept = nn.Buffer(torch.ones(1))
    module.dropped = nn.Buffer(torch.ones(1), persistent=False)
    assert list(module.state_dict()) == ["kept"]
    assert isinstance(module.kept, nn.Buffer) and not isinstance(torch.ones(1), nn.Buffer)


def test_dir_lists_what_is_registered():
    assert {"fc", "scale", "shift", "forward"} <= set(dir(Net()))
    assert "0" not in dir(nn.Sequential(nn.ReLU()))


# ---- parameters


def test_a_parameter_shares_memory_and_requires_a_gradient():
    data = torch.zeros(3)
    param = nn.Parameter(data)
    data[0] = 5
    assert param.tolist() == [5, 0, 0]
    assert param.requires_grad and param.is_leaf and isinstance(param, torch.Tensor)
    assert not isinstance(data, nn.Parameter)
    assert not nn.Parameter(data, requires_grad=False).requires_grad
    assert nn.Parameter().shape == (0,)


def test_a_parameter_made_without_grad_mode_requires_a_gradient():
    with torch.no_grad():
        assert nn.Parameter(torch.ones(1)).requires_grad


def test_operations_on_parameters_give_tensors():
    param = nn.Parameter(torch.ones(2))
    assert type(param * 2) is torch.Tensor
    assert type(param.data) is torch.Tensor and type(param.detach()) is torch.Tensor


def test_a_parameter_prints_its_tensor():
    assert repr(nn.Parameter(torch.ones(2))) == "Parameter containing:\ntensor([1., 1.], requires_grad=True)"


def test_parameters_can_be_copied_and_pickled():
    param = nn.Parameter(torch.arange(2.0), requires_grad=False)
    for twin in (copy.deepcopy(param), pickle.loads(pickle.dumps(param))):
        assert type(twin) is nn.Parameter and twin is not param
        assert twin.tolist() == [0, 1] and not twin.requires_grad
    first, second = copy.deepcopy([param, param])
    assert first is second


def test_a_pickled_parameter_keeps_its_attributes():
    param = nn.Parameter(torch.ones(1))
    param.note = "kept"
    assert pickle.loads(pickle.dumps(param)).note == "kept"


# ---- walking


def test_shared_parameters_come_once_unless_duplicates_are_wanted():
    net = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    net.append(net[0])
    assert [n for n, _ in net.named_parameters()] == ["0.weight", "0.bias"]
    names = [n for n, _ in net.named_parameters(remove_duplicate=False)]
    assert names == ["0.weight", "0.bias", "2.weight", "2.bias"]
    assert [n for n, _ in net.named_modules()] == ["", "0", "1"]
    assert [n for n, _ in net.named_modules(prefix="net", remove_duplicate=False)] == [
        "net",
        "net.0",
        "net.1",
        "net.2",
    ]


def test_parameters_of_the_module_alone():
    assert [n for n, _ in Net().named_parameters("net", recurse=False)] == ["net.scale"]


def test_dotted_names_find_modules_parameters_and_buffers():
    net = Net()
    assert net.get_submodule("tail.0") is net.tail[0] and net.get_submodule("") is net
    assert net.get_parameter("tail.0.weight") is net.tail[0].weight
    assert net.get_buffer("shift") is net.shift


@pytest.mark.parametrize(
    ("look", "message"),
    [
        (lambda n: n.get_submodule("tail.9"), "Sequential has no attribute `9`"),
        (lambda n: n.get_submodule("plain"), "`plain` is not an nn.Module"),
        (lambda n: n.get_parameter("shift"), "`shift` is not an nn.Parameter"),
        (lambda n: n.get_buffer("scale"), "`scale` is not a buffer"),
        (lambda n: n.set_submodule("tail.9", nn.ReLU(), strict=True), "Sequential has no attribute `9`"),
    ],
)
def test_dotted_names_that_lead_nowhere(look, message):
    with pytest.raises(AttributeError) as raised:
        look(Net())
    assert str(raised.value) == message


def test_set_submodule_replaces_a_module():
    net = Net()
    net.set_submodule("tail.1", nn.Tanh())
    assert isinstance(net.tail[1], nn.Tanh)


def test_apply_goes_from_the_inside_out():
    seen = []
    Net().apply(lambda m: seen.append(type(m).__name__))
    assert seen == ["Linear", "Linear", "ReLU", "Linear", "Sequential", "Net"]


def test_train_and_eval_reach_all_modules():
    net = Net().eval()
    assert not any(m.training for m in net.modules())
    assert all(m.training for m in net.train().modules())
    with pytest.raises(ValueError, match="training mode is expected to be boolean"):
        net.train(1)


# ---- gradients


def test_zero_grad_drops_or_clears():
    net = Net()
    net(torch.ones(4, 2)).sum().backward()
    grad = net.scale.grad
    net.zero_grad(set_to_none=False)
    assert net.scale.grad is grad and grad.tolist() == [0, 0]
    net.zero_grad()
    assert all(p.grad is None for p in net.parameters())


def test_requires_grad_of_all_parameters():
    net = Net().requires_grad_(False)
    assert not any(p.requires_grad for p in net.parameters())


# ---- state


def test_state_dict_lists_parameters_and_persistent_buffers():
    state = Net().state_dict()
    assert list(state) == KEYS
    assert state._metadata[""] == {"version": 1} and "tail.1" in state._metadata
    assert not state["scale"].requires_grad


def test_state_dict_shares_memory_and_may_keep_the_parameters():
    net = Net()
    net.state_dict()["scale"].fill_(4)
    assert net.scale.tolist() == [4, 4]
    assert net.state_dict(keep_vars=True)["scale"] is net.scale
    assert list(nn.Linear(1, 1).state_dict(prefix="p.")) == ["p.weight", "p.bias"]


def test_load_state_dict_copies_values():
    source, target = Net(), Net()
    weight = target.fc.weight
    result = target.load_state_dict(source.state_dict())
    assert repr(result) == "<All keys matched successfully>"
    assert target.fc.weight is weight
    assert target.fc.weight.tolist() == source.fc.weight.tolist()


def test_load_state_dict_may_assign():
    source, target = Net(), Net()
    state = source.state_dict()
    target.load_state_dict(state, assign=True)
    assert isinstance(target.fc.weight, nn.Parameter) and target.fc.weight.requires_grad
    assert target.shift is state["shift"]


def test_load_state_dict_lists_all_problems():
    state = OrderedDict(Net().state_dict())
    state["fc.weight"] = torch.zeros(5, 5)
    state["scale"] = 3
    state["extra"] = torch.ones(1)
    del state["shift"]
    with pytest.raises(RuntimeError) as raised:
        Net().load_state_dict(state)
    assert str(raised.value) == (
        "Error(s) in loading state_dict for Net:\n"
        '\tMissing key(s) in state_dict: "shift". \n'
        '\tUnexpected key(s) in state_dict: "extra". \n'
        '\tWhile copying the parameter named "scale", expected torch.Tensor or Tensor-like object from '
        "checkpoint but received <class 'int'>\n"
        "\tsize mismatch for fc.weight: copying a param with shape torch.Size([5, 5]) from checkpoint, "
        "the shape in current model is torch.Size([3, 2]).\n"
        "\tWith strict=False, what fits is loaded and the other keys are returned."
    )


@pytest.mark.parametrize(
    ("module", "state", "advice"),
    [
        (
            nn.Linear(1, 1),
            {"module.weight": torch.ones(1, 1), "module.bias": torch.ones(1)},
            "take it off with torch.nn.modules.utils.consume_prefix_in_state_dict_if_present(state_dict, 'module.').",
        ),
        (
            nn.DataParallel(nn.Linear(1, 1)),
            {"weight": torch.ones(1, 1), "bias": torch.ones(1)},
            "The module's names begin with 'module.', which the keys do not: load into that submodule.",
        ),
        (
            nn.Linear(1, 1),
            {"bias": torch.ones(1)},
            "With strict=False, what fits is loaded and the other keys are",
        ),
        (
            nn.Linear(1, 1),
            {"weight": torch.ones(2, 1), "bias": torch.ones(1)},
            "Build the module with the checkpoint's sizes, or leave such keys out and load with strict=False.",
        ),
    ],
)
def test_a_state_that_does_not_fit_comes_with_advice(module, state, advice):
    with pytest.raises(RuntimeError) as raised:
        module.load_state_dict(state)
    assert advice in str(raised.value).splitlines()[-1]


def test_loading_into_meta_says_that_it_does_nothing():
    layer = nn.Linear(1, 1, device="meta")
    with pytest.warns(
        UserWarning, match=r"for weight: copying from a non-meta parameter .* which is a no-op"
    ):
        layer.load_state_dict(nn.Linear(1, 1).state_dict())
    layer.load_state_dict(nn.Linear(1, 1).state_dict(), assign=True)
    assert layer.weight.device.type == "cpu"


def test_load_state_dict_reports_keys_when_not_strict():
    state = {"fc.weight": torch.zeros(3, 2), "fc.wrong": torch.ones(1), "nowhere.x": torch.ones(1)}
    missing, unexpected = Net().load_state_dict(state, strict=False)
    assert missing == [k for k in KEYS if k != "fc.weight"]
    assert unexpected == ["nowhere.x", "fc.wrong"]


def test_load_state_dict_wants_a_mapping():
    with pytest.raises(TypeError, match="Expected state_dict to be dict-like, got <class 'list'>."):
        Net().load_state_dict([1])


def test_extra_state_travels_with_the_state():
    class Counter(nn.Module):
        count = 0

        def get_extra_state(self):
            return self.count

        def set_extra_state(self, state):
            self.count = state

    source, target = nn.Sequential(Counter()), nn.Sequential(Counter())
    source[0].count = 7
    assert source.state_dict() == {"0._extra_state": 7}
    target.load_state_dict(source.state_dict())
    assert target[0].count == 7
    with pytest.raises(RuntimeError, match='Missing key.*"0._extra_state"'):
        target.load_state_dict({})


def test_versions_reach_a_module_that_reads_older_states():
    seen = []

    class Versioned(nn.Module):
        _version = 3

        def _load_from_state_dict(self, state_dict, prefix, local_metadata, *rest):
            seen.append((prefix, local_metadata.get("version")))
            super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)

    net = nn.Sequential(Versioned())
    net.load_state_dict(net.state_dict())
    net.load_state_dict({})
    assert seen == [("0.", 3), ("0.", None)]


def test_state_hooks_run_around_saving_and_loading():
    net, log = Net(), []
    net.register_state_dict_pre_hook(lambda module, prefix, keep: log.append(("save", prefix, keep)))
    net.register_state_dict_post_hook(lambda module, state, prefix, meta: log.append(("saved", len(state))))
    net.register_load_state_dict_pre_hook(
        lambda module, state, prefix, *rest: log.append(("load", module is net))
    )
    net.register_load_state_dict_post_hook(lambda module, keys: keys.missing_keys.clear())
    net.state_dict()
    assert net.load_state_dict({}) == ([], [])
    assert log == [("save", "", False), ("saved", len(KEYS)), ("load", True)]


# ---- conversion


def test_conversion_keeps_parameters_and_follows_with_gradients():
    net = Net()
    net.register_buffer("index", torch.arange(3))
    net(torch.ones(4, 2)).sum().backward()
    scale, grad = net.scale, net.scale.grad
    net.double()
    assert net.scale is scale and scale.dtype == torch.float64
    assert scale.grad is grad and grad.dtype == torch.float64
    assert net.shift.dtype == torch.float64 and net.index.dtype == torch.int64
    assert scale.requires_grad and scale.is_leaf


@pytest.mark.parametrize(
    "arguments",
    [(torch.float64,), ("cpu", torch.float64), (torch.zeros(1, dtype=torch.float64),), (torch.float64, True)],
)
def test_to_takes_a_dtype_a_device_or_a_tensor(arguments):
    assert Net().to(*arguments).fc.weight.dtype == torch.float64


def test_to_refuses_integer_types():
    with pytest.raises(TypeError, match="nn.Module.to only accepts floating point or complex dtypes"):
        Net().to(torch.int64)


def test_cuda_is_refused():
    with pytest.raises(AssertionError, match="Torch not compiled with CUDA enabled"):
        Net().cuda()


# ---- hooks


def test_forward_pre_hooks_change_arguments_in_their_order():
    layer, x = filled_linear(), torch.ones(1, 2)
    layer.register_forward_pre_hook(lambda module, args: (args[0] * 2,))
    layer.register_forward_pre_hook(lambda module, args: args[0] + 1)
    layer.register_forward_pre_hook(lambda module, args: args[0] + 10, prepend=True)
    assert layer(x).tolist() == [[46, 46]]


def test_forward_hooks_change_the_output():
    layer, x = filled_linear(), torch.ones(1, 2)
    handle = layer.register_forward_hook(lambda module, args, output: output + 1)
    with layer.register_forward_hook(lambda module, args, output: output * 10):
        assert layer(x).tolist() == [[30, 30]]
    assert layer(x).tolist() == [[3, 3]]
    handle.remove()
    handle.remove()
    assert layer(x).tolist() == [[2, 2]]


def test_hooks_may_see_keyword_arguments():
    class Add(nn.Module):
        def forward(self, x, *, y):
            return x + y

    module, seen = Add(), []
    module.register_forward_pre_hook(lambda m, args, kwargs: (args, {"y": kwargs["y"] * 2}), with_kwargs=True)
    module.register_forward_hook(lambda m, args, kwargs, out: seen.append(kwargs), with_kwargs=True)
    assert module(1, y=2) == 5
    assert seen == [{"y": 4}]
    module.register_forward_pre_hook(lambda m, args, kwargs: 3, with_kwargs=True)
    with pytest.raises(
        RuntimeError, match=r"must return None or a tuple of \(new_args, new_kwargs\), but got 3."
    ):
        module(1, y=2)


def test_always_called_hooks_run_after_a_failure():
    class Fails(nn.Module):
        def forward(self, x):
            raise ValueError("bad")

    def fails(module, args, output):
        raise RuntimeError("worse")

    module, log = Fails(), []
    module.register_forward_hook(lambda m, args, out: log.append("never"))
    module.register_forward_hook(lambda m, args, out: log.append(out), always_call=True)
    module.register_forward_hook(fails, always_call=True)
    with (
        pytest.warns(UserWarning, match="silenced as another error was raised in forward: worse"),
        pytest.raises(ValueError, match="bad"),
    ):
        module(1)
    assert log == [None]


def test_full_backward_hooks_see_and_change_gradients():
    layer, log = filled_linear(), []
    x = torch.ones(1, 2, requires_grad=True)
    layer.register_full_backward_pre_hook(lambda module, grad_output: (grad_output[0] * 10,))
    layer.register_full_backward_hook(lambda module, gi, go: log.append((gi[0].tolist(), go[0].tolist())))
    layer.register_full_backward_hook(lambda module, gi, go: (gi[0] * 3,))
    layer(x).sum().backward()
    assert log == [([[20, 20]], [[10, 10]])]
    assert x.grad.tolist() == [[60, 60]]
    assert layer.weight.grad.tolist() == [[10, 10], [10, 10]]


def test_full_backward_hooks_put_none_for_what_is_no_tensor():
    class Two(nn.Module):
        def forward(self, a, n, b):
            return a * 2, n, b * 3

    module, log = Two(), []
    module.register_full_backward_hook(
        lambda m, gi, go: log.append((gi[0].tolist(), gi[1], go[0].tolist(), go[1:]))
    )
    a = torch.ones(1, requires_grad=True)
    first, number, second = module(a, 5, torch.ones(1))
    assert number == 5
    (first + second).sum().backward()
    assert log == [([2], None, [1], (None, None))]
    assert a.grad.tolist() == [2]


def test_full_backward_hooks_run_at_the_outputs_if_no_input_needs_a_gradient():
    layer, log = filled_linear(), []
    layer.register_full_backward_hook(lambda module, gi, go: log.append(gi))
    with pytest.warns(UserWarning, match="Full backward hook is firing"):
        layer(torch.ones(1, 2)).sum().backward()
    assert log == [(None,)]


def test_a_backward_hook_must_return_as_many_gradients():
    layer = filled_linear()
    layer.register_full_backward_hook(lambda module, gi, go: (gi[0], gi[0]))
    loss = layer(torch.ones(1, 2, requires_grad=True)).sum()
    with pytest.raises(RuntimeError, match="invalid number of grad_input, got 2, but expected 1"):
        loss.backward()


def test_both_kinds_of_backward_hooks_do_not_mix():
    layer = filled_linear()
    layer.register_full_backward_hook(lambda *args: None)
    with pytest.raises(RuntimeError, match="Cannot use both regular backward hooks and full backward hooks"):
        layer.register_backward_hook(lambda *args: None)


def test_global_hooks_see_every_module():
    log = []
    handles = [
        global_hooks.register_module_forward_pre_hook(lambda m, args: log.append(("pre", type(m).__name__))),
        global_hooks.register_module_forward_hook(
            lambda m, args, out: log.append(("post", type(m).__name__))
        ),
    ]
    net = nn.Sequential(nn.ReLU())
    net(torch.ones(1))
    for handle in handles:
        handle.remove()
    net(torch.ones(1))
    assert log == [("pre", "Sequential"), ("pre", "ReLU"), ("post", "ReLU"), ("post", "Sequential")]


def test_registration_hooks_see_names():
    log = []
    handles = [
        global_hooks.register_module_parameter_registration_hook(lambda m, name, value: log.append(name)),
        global_hooks.register_module_buffer_registration_hook(lambda m, name, value: log.append(name)),
        global_hooks.register_module_module_registration_hook(lambda m, name, value: log.append(name)),
    ]
    net = nn.Module()
    net.layer = nn.Linear(1, 1)
    net.register_buffer("mean", None)
    for handle in handles:
        handle.remove()
    assert log == ["weight", "bias", "layer", "mean"]


def times_seven(module, args, output):
    return output * 7


def test_copies_keep_their_hooks():
    layer = filled_linear()
    layer.register_forward_hook(times_seven)
    for twin in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert twin(torch.ones(1, 2)).tolist() == [[14, 14]]


def test_forward_is_required():
    with pytest.raises(
        NotImplementedError, match=r'Module \[Module\] is missing the required "forward" function'
    ):
        nn.Module()(1)


def test_none_in_a_backward_hooks_tuple_takes_the_gradient_away():
    class Sum(nn.Module):
        def forward(self, x, y):
            return 2 * (x + y)

    module, x, y = Sum(), torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
    module.register_full_backward_hook(lambda module, grad_input, grad_output: (None, 3 * grad_input[1]))
    module(x, y).sum().backward()
    assert x.grad is None and y.grad.tolist() == [6.0, 6.0]
    x, y = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
    z = x * y
    z.grad_fn.register_hook(lambda grad_inputs, grad_outputs: (grad_inputs[0], None))
    z.sum().backward()
    assert x.grad.tolist() == [1.0, 1.0] and y.grad is None


def test_hooks_run_in_pytorchs_order():
    seen = []

    def noting(name):
        return lambda *_: seen.append(name)

    module = nn.Linear(1, 1)
    handles = [
        global_hooks.register_module_forward_pre_hook(noting("global pre")),
        global_hooks.register_module_forward_hook(noting("global forward")),
        global_hooks.register_module_full_backward_pre_hook(noting("global backward pre")),
        global_hooks.register_module_full_backward_hook(noting("global backward")),
    ]
    module.register_forward_pre_hook(noting("pre 1"))
    module.register_forward_pre_hook(noting("pre 0"), prepend=True)
    module.register_forward_pre_hook(noting("pre with kwargs"), with_kwargs=True)
    module.register_forward_hook(noting("forward 1"))
    module.register_forward_hook(noting("forward 0"), prepend=True, with_kwargs=True)
    module.register_forward_hook(noting("always"), always_call=True)
    module.register_full_backward_pre_hook(noting("backward pre 1"))
    module.register_full_backward_pre_hook(noting("backward pre 0"), prepend=True)
    module.register_full_backward_hook(noting("backward 1"))
    module.register_full_backward_hook(noting("backward 0"), prepend=True)
    try:
        module(torch.ones(1, 1, requires_grad=True)).sum().backward()
    finally:
        for handle in handles:
            handle.remove()
    assert seen == [
        "global pre", "pre 0", "pre 1", "pre with kwargs", "global forward", "forward 0", "forward 1", "always",
        "global backward pre", "backward pre 0", "backward pre 1", "global backward", "backward 0", "backward 1",
    ]  # fmt: skip


# ---- copying


def test_modules_can_be_copied_and_pickled():
    net = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
    net.register_buffer("scratch", torch.ones(2), persistent=False)
    for twin in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert repr(twin) == repr(net)
        assert twin[0].weight is not net[0].weight
        assert twin[0].weight.tolist() == net[0].weight.tolist()
        assert list(twin.state_dict()) == ["0.weight", "0.bias"]


def test_deepcopy_keeps_shared_parameters_shared():
    net = nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 2)])
    net[1].weight = net[0].weight
    twin = copy.deepcopy(net)
    assert twin[1].weight is twin[0].weight


# ---- containers


def test_representation_nests_and_folds():
    net = nn.Sequential(
        OrderedDict(a=nn.Linear(1, 2), b=nn.ModuleList([nn.ReLU(), nn.ReLU(), nn.Sequential(nn.Tanh())]))
    )
    assert repr(net) == (
        "Sequential(\n"
        "  (a): Linear(in_features=1, out_features=2, bias=True)\n"
        "  (b): ModuleList(\n"
        "    (0-1): 2 x ReLU()\n"
        "    (2): Sequential(\n"
        "      (0): Tanh()\n"
        "    )\n"
        "  )\n"
        ")"
    )
    assert repr(nn.ModuleList()) == "ModuleList()"


def names(sequence):
    return [layer.in_features for layer in sequence]


def linears(*sizes):
    return [nn.Linear(size, size) for size in sizes]


def test_sequential_runs_in_order():
    assert nn.Sequential(nn.ReLU(), nn.Flatten(0))(torch.tensor([[-1.0, 2.0]])).tolist() == [0, 2]


def test_sequential_is_a_sequence():
    net = nn.Sequential(*linears(1, 2, 3))
    assert len(net) == 3 and names(net[1:]) == [2, 3] and net[-1].in_features == 3
    net[0] = nn.Linear(9, 9)
    net.insert(1, nn.Linear(8, 8)).append(nn.Linear(4, 4)).extend(linears(5))
    assert names(net) == [9, 8, 2, 3, 4, 5]
    assert net.pop(0).in_features == 9
    del net[1:3]
    assert names(net) == [8, 4, 5] and list(net._modules) == ["0", "1", "2"]
    assert names(net + nn.Sequential(*linears(7))) == [8, 4, 5, 7]
    assert names(2 * net) == [8, 4, 5, 8, 4, 5]
    net *= 2
    net += nn.Sequential(*linears(6))
    assert names(net) == [8, 4, 5, 8, 4, 5, 6]


def test_slices_of_a_named_sequential_keep_names():
    net = nn.Sequential(OrderedDict(zip("abc", linears(1, 2, 3), strict=True)))
    assert list(net[1:]._modules) == ["b", "c"] and net.a.in_features == 1


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda s: s[3], IndexError, "index 3 is out of range"),
        (lambda s: s.insert(9, nn.ReLU()), IndexError, "Index out of range: 9"),
        (
            lambda s: s + 3,
            ValueError,
            "add operator supports only objects of Sequential class, but <class 'int'> is given.",
        ),
        (lambda s: s * 0, ValueError, "Non-positive multiplication factor 0 for <class"),
        (lambda s: s.append(3), TypeError, "int is not a Module subclass"),
    ],
)
def test_sequential_refuses(change, error, message):
    with pytest.raises(error) as raised:
        change(nn.Sequential(nn.ReLU()))
    assert message in str(raised.value)


def test_module_list_is_a_list():
    layers = nn.ModuleList(linears(1, 2))
    layers += linears(3)
    layers.insert(1, nn.Linear(9, 9))
    layers[0] = nn.Linear(7, 7)
    assert names(layers) == [7, 9, 2, 3] and names(layers[::2]) == [7, 2]
    del layers[1]
    assert layers.pop(-1).in_features == 3
    assert names(layers + linears(5)) == [7, 2, 5]
    with pytest.raises(TypeError, match="ModuleList.extend should be called with an iterable, but got int"):
        layers.extend(3)
    with pytest.raises(NotImplementedError):
        layers(torch.ones(1))


def test_module_dict_is_a_dictionary():
    modules = nn.ModuleDict({"b": nn.ReLU(), "a": nn.Tanh()})
    assert list(modules) == ["b", "a"] and "a" in modules and len(modules) == 2
    modules.update([("c", nn.Sigmoid())])
    assert isinstance(modules.pop("a"), nn.Tanh)
    del modules["b"]
    assert list(modules.keys()) == ["c"] and [k for k, _ in modules.items()] == ["c"]
    with pytest.raises(KeyError):
        modules["zz"]
    with pytest.raises(ValueError, match="ModuleDict update sequence element #0 has length 3; 2 is required"):
        modules.update([(1, 2, 3)])


def test_parameter_list_turns_tensors_into_parameters():
    values = nn.ParameterList([torch.zeros(2, 3), nn.Parameter(torch.ones(1)), "text"])
    assert [type(v).__name__ for v in values] == ["Parameter", "Parameter", "str"]
    values.append(torch.ones(4)).extend([torch.ones(5)])
    values[0] = torch.ones(6)
    assert len(values) == 5 and list(values.state_dict()) == ["0", "1", "3", "4"]
    assert values[-1].shape == (5,) and len(values[:2]) == 2
    assert repr(nn.ParameterList([torch.zeros(2, 3), "text"])) == (
        "ParameterList(\n"
        "    (0): Parameter containing: [torch.float32 of size 2x3]\n"
        "    (1): Object of type: str\n"
        ")"
    )
    with pytest.raises(RuntimeError, match="ParameterList should not be called."):
        values()


def test_parameter_dict_turns_tensors_into_parameters():
    values = nn.ParameterDict({"b": torch.zeros(2), "a": torch.ones(1)})
    assert list(values) == ["a", "b"] and isinstance(values["b"], nn.Parameter)
    assert values.setdefault("c", torch.ones(3)).shape == (3,)
    assert values.get("zz", 4) == 4 and values.popitem()[0] == "c"
    merged = values | nn.ParameterDict({"d": torch.ones(1)})
    assert list(merged.state_dict()) == ["a", "b", "d"]
    merged.clear()
    assert len(merged) == 0
    with pytest.raises(TypeError, match="cannot be used as a key as it is not a string"):
        values[3]


def test_missing_layers_say_so():
    with pytest.raises(NotImplementedError, match=r"nn.quantized is not implemented yet"):
        nn.quantized  # noqa: B018
    assert not hasattr(nn, "quantized")
    with pytest.raises(AttributeError, match="has no attribute 'Nonsense'"):
        nn.Nonsense  # noqa: B018


def test_older_backward_hooks_warn_where_they_miss_gradients():
    class Pair(nn.Module):
        def forward(self, a):
            return a * 2, a * 3

    module = Pair()
    module.register_backward_hook(lambda m, gi, go: None)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        module(torch.ones(1, requires_grad=True))
    assert "generated by different autograd Nodes" in str(caught[0].message)
    assert caught[0].category is FutureWarning


# ---- errors of properties


class Failing(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))

    @property
    def size(self):
        return self.really_missing

    @property
    def other(self):
        return [].no_such_thing


class FailingWithFallback(Failing):
    def __getattr__(self, name):
        return super().__getattr__(name)


@pytest.mark.parametrize("module", [Failing(), FailingWithFallback()])
def test_an_error_inside_a_property_is_reported_as_itself(module):
    for name, culprit in (("size", "really_missing"), ("other", "no_such_thing"), ("absent", "absent")):
        with pytest.raises(AttributeError, match=f"no attribute '{culprit}'"):
            getattr(module, name)
    assert not hasattr(module, "size")
    assert module.weight.item() == 1


# ---- copies of parameters


def test_a_deep_copy_keeps_gradient_and_attributes():
    linear = nn.Linear(2, 1)
    linear(torch.ones(1, 2)).sum().backward()
    linear.weight.tags = ["a"]
    twin = copy.deepcopy(linear)
    assert isinstance(twin.weight, nn.Parameter)
    assert twin.weight.grad.tolist() == [[1, 1]]
    assert twin.weight.grad is not linear.weight.grad
    assert twin.weight.tags == ["a"]
    assert twin.weight.tags is not linear.weight.tags
    with torch.no_grad():
        twin.weight.grad.fill_(5)
        twin.weight.fill_(5)
    assert linear.weight.grad.tolist() == [[1, 1]]
    assert linear.weight.tolist() != [[5, 5]]


def test_a_deep_copy_leaves_the_history_of_a_gradient_behind():
    weight = nn.Parameter(torch.ones(2))
    (weight**2).sum().backward(create_graph=True)
    twin = copy.deepcopy(weight)
    assert twin.grad.tolist() == [2, 2]
    assert twin.grad.is_leaf


def test_a_module_gets_new_parameters_on_another_device():
    module = torch.nn.Linear(2, 2)
    before = module.weight
    before.grad = torch.ones(2, 2)
    module.to("meta")
    assert before.device.type == "cpu" and module.weight.is_meta and module.weight is not before
    assert isinstance(module.weight, torch.nn.Parameter) and module.weight.grad.is_meta


def test_modules_are_not_copied_by_to():
    with pytest.raises(RuntimeError, match="does not accept copy argument"):
        torch.nn.Linear(1, 1).to(torch.float64, copy=True)


def test_factory_kwargs_are_those_of_tensors():
    assert nn.factory_kwargs(None) == {}
    given = {"device": "cpu", "factory_kwargs": {"dtype": torch.float64}}
    assert nn.factory_kwargs(given) == {"device": "cpu", "dtype": torch.float64}
    with pytest.raises(TypeError, match="unexpected kwargs {'no'}"):
        nn.factory_kwargs({"no": 1})
    with pytest.raises(TypeError, match="dtype specified twice"):
        nn.factory_kwargs({"dtype": torch.float32, "factory_kwargs": {"dtype": torch.float64}})
