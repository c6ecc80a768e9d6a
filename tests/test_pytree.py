"""Trees of containers: flattening, mapping, structures and their text."""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque, namedtuple
from dataclasses import dataclass

import pytest

import flambeau as torch
from flambeau.utils import _pytree as pytree

Point = namedtuple("Point", "x y")
TREES = [
    3,
    None,
    (),
    [1, (2, 3)],
    {"b": 1, "a": [2]},
    Point(1, [2, 3]),
    OrderedDict(z=1, y=2),
    deque([1, 2], maxlen=3),
    {3: None, "k": {}},
]


@pytest.mark.parametrize("tree", TREES)
def test_flatten_and_unflatten_are_inverse(tree):
    leaves, spec = pytree.tree_flatten(tree)
    again = pytree.tree_unflatten(leaves, spec)
    assert again == tree and type(again) is type(tree)
    assert spec.num_leaves == len(leaves) == len(pytree.tree_leaves(tree))


def test_a_default_dictionary_keeps_its_factory():
    again = pytree.tree_map(lambda x: x + 1, defaultdict(list, {"k": 1}))
    assert again == {"k": 2} and again.default_factory is list


def test_leaves_come_in_order_and_none_is_one():
    assert pytree.tree_leaves({"b": [1, (2, 3)], "a": None, "c": Point(4, 5)}) == [1, 2, 3, None, 4, 5]


def test_structures_are_shown_with_stars():
    spec = pytree.tree_structure([1, {"a": 2}])
    assert str(spec) == "TreeSpec(list, None, [*,\n  TreeSpec(dict, ['a'], [*])])"
    assert pytree.treespec_pprint(spec) == "[*, {'a': *}]"
    assert (spec.num_nodes, spec.num_leaves, spec.num_children, spec.is_leaf()) == (4, 2, 2, False)
    assert isinstance(pytree.tree_structure(1), pytree.LeafSpec) and not isinstance(spec, pytree.LeafSpec)


def test_structures_compare_and_hash():
    one, two = pytree.tree_structure([1, (2,)]), pytree.tree_structure([3, ("a",)])
    assert one == two and hash(one) == hash(two)
    assert one != pytree.tree_structure([1, [2]])


def test_map_over_several_trees():
    assert pytree.tree_map(lambda a, b: a + b, {"a": 1, "b": (2,)}, {"b": (20,), "a": 10}) == {
        "a": 11,
        "b": (22,),
    }


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ([1, (2,)], [3, 4], "Node type mismatch; expected <class 'tuple'>, but got <class 'int'>."),
        ([1, 2], [3, 4, 5], "Node arity mismatch; expected 2, but got 3."),
        ({"a": 1}, {"b": 2}, "Node keys mismatch; missing key\\(s\\): {'a'}; extra key\\(s\\): {'b'}."),
    ],
)
def test_other_trees_must_have_the_containers(first, second, message):
    with pytest.raises(ValueError, match=message):
        pytree.tree_map(lambda a, b: a, first, second)


def test_the_number_of_leaves_must_fit():
    with pytest.raises(
        ValueError, match="`leaves` has length 1 but the spec refers to a pytree that holds 2 items"
    ):
        pytree.tree_unflatten([1], pytree.tree_structure([1, 2]))
    with pytest.raises(TypeError, match="Expected `treespec` to be an instance of PyTreeSpec"):
        pytree.tree_unflatten([1], 3)


def test_map_only_some_leaves():
    assert pytree.tree_map_only(int, lambda x: x + 1, [1, 2.0, "a"]) == [2, 2.0, "a"]
    assert pytree.tree_map_only((int, float), lambda x: x + 1, [1, 2.0, "a"]) == [2, 3.0, "a"]
    assert pytree.tree_map_only(lambda x: x == 1, lambda x: -x, [1, 2]) == [-1, 2]
    with pytest.raises(TypeError, match="a type, a tuple of types, or a callable"):
        pytree.tree_map_only("a", str, [1])


def test_tensors_are_leaves_and_named_results_are_not():
    x = torch.ones(2)
    assert pytree.tree_leaves({"x": x})[0] is x
    values, indices = pytree.tree_leaves(torch.max(x, 0))
    assert values.item() == 1.0 and indices.item() == 0
    assert pytree.tree_leaves(x.shape) == [2]


def test_is_leaf_stops_early():
    assert pytree.tree_leaves([1, [2]], is_leaf=lambda x: x == [2]) == [1, [2]]


def test_paths():
    pairs, _ = pytree.tree_flatten_with_path({"b": [1], "a": Point(2, 3)})
    assert [(pytree.keystr(path), leaf) for path, leaf in pairs] == [
        ("['b'][0]", 1),
        ("['a'].x", 2),
        ("['a'].y", 3),
    ]
    assert pytree.key_get({"a": Point(2, 3)}, pairs[2][0]) == 3
    assert pytree.tree_map_with_path(lambda path, x: (len(path), x), [1, [2]]) == [(1, 1), [(2, 2)]]


def test_all_and_any():
    assert pytree.tree_all(lambda x: x > 0, [1, (2,)]) and not pytree.tree_any(lambda x: x > 2, [1, (2,)])
    assert pytree.tree_all_only(int, lambda x: x > 0, [1, "a"]) and pytree.tree_any_only(
        str, str.isalpha, [1, "a"]
    )


def test_classes_can_be_registered_once():
    class Box:
        def __init__(self, content):
            self.content = content

    pytree.register_pytree_node(Box, lambda box: ([box.content], None), lambda children, _: Box(*children))
    try:
        assert pytree.tree_map(lambda x: x * 2, [Box([1, 2])])[0].content == [2, 4]
        with pytest.raises(ValueError, match="is already registered as pytree node"):
            pytree.register_pytree_node(Box, None, None)
        with pytest.raises(ValueError, match="Did not find a flatten_with_keys_fn"):
            pytree.tree_flatten_with_path(Box(1))
        with pytest.raises(NotImplementedError, match="No registered serialization name"):
            pytree.treespec_dumps(pytree.tree_structure(Box(1)))
    finally:
        pytree._deregister_pytree_node(Box)
    assert pytree.tree_is_leaf(Box(1))


def test_data_classes_and_constants():
    @dataclass
    class Pair:
        a: object
        b: object = None

    @dataclass(frozen=True)
    class Size:
        n: int

    pytree.register_dataclass(Pair)
    pytree.register_constant(Size)
    try:
        assert pytree.tree_leaves(Pair([1], 2)) == [1, 2] and pytree.tree_leaves(Pair(1)) == [1]
        assert pytree.tree_map(lambda x: -x, Pair(1)) == Pair(-1)
        assert pytree.tree_leaves([Size(3), 1]) == [1]
        with pytest.raises(ValueError, match="Node context mismatch"):
            pytree.tree_map(lambda a, b: a, [Size(3)], [Size(4)])
    finally:
        pytree._deregister_pytree_node(Pair)
        pytree._deregister_pytree_node(Size)


def test_structures_as_text():
    spec = pytree.tree_structure([1, {"a": (2, deque([3], maxlen=4))}, defaultdict(list, k=1)])
    assert pytree.treespec_loads(pytree.treespec_dumps(spec)) == spec
    assert pytree.treespec_dumps(pytree.tree_structure([1])) == (
        '[1, {"type": "builtins.list", "context": "null", "children_spec": '
        '[{"type": null, "context": null, "children_spec": []}]}]'
    )
    with pytest.raises(ValueError, match="Unknown protocol 2"):
        pytree.treespec_dumps(spec, 2)
    with pytest.raises(NotImplementedError, match="namedtuple class"):
        pytree.treespec_dumps(pytree.tree_structure(Point(1, 2)))


def test_broadcast_repeats_what_ends_early():
    spec = pytree.tree_structure([1, [2, 3]])
    assert pytree._broadcast_to_and_flatten([4, 5], spec) == [4, 5, 5]
    assert pytree._broadcast_to_and_flatten([4, 5, 6], spec) is None
