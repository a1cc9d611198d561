package expression

import (
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
)

// span gives the runes that a node and all below it cover: from its leftmost to its rightmost token. expr
// notes one token for each node. Each edge is followed alone, because a < b < c shares its middle, and a walk
// over all could be endless.
func span(node ast.Node) file.Location {
	from := start(node)
	return file.Location{From: from, To: max(from, end(node))}
}

func start(node ast.Node) int {
	own := node.Location().From
	switch n := node.(type) {
	case *ast.BinaryNode:
		return start(n.Left)
	case *ast.UnaryNode:
		// "not in" is a not whose token stands after the left side of in.
		return min(own, start(n.Node))
	case *ast.ChainNode:
		return start(n.Node)
	case *ast.PredicateNode:
		return start(n.Node)
	case *ast.MemberNode:
		return start(n.Node)
	case *ast.SliceNode:
		return start(n.Node)
	case *ast.CallNode:
		return startOfCall(start(n.Callee), n.Arguments)
	case *ast.BuiltinNode:
		return startOfCall(own, n.Arguments)
	case *ast.ConditionalNode:
		return start(n.Cond)
	case *ast.PairNode:
		return start(n.Key)
	case *ast.SequenceNode:
		return start(n.Nodes[0])
	}
	return own
}

// startOfCall sees that a piped argument stands before the function's name.
func startOfCall(name int, arguments []ast.Node) int {
	if len(arguments) == 0 {
		return name
	}
	return min(name, start(arguments[0]))
}

func end(node ast.Node) int {
	own := node.Location().To
	switch n := node.(type) {
	case *ast.BinaryNode:
		return end(n.Right)
	case *ast.UnaryNode:
		return max(own, end(n.Node))
	case *ast.ChainNode:
		return end(n.Node)
	case *ast.PredicateNode:
		return end(n.Node)
	case *ast.MemberNode:
		return max(own, end(n.Property))
	case *ast.SliceNode:
		if n.To != nil {
			return end(n.To)
		}
		return own
	case *ast.CallNode:
		return endOfLast(end(n.Callee), n.Arguments)
	case *ast.BuiltinNode:
		return endOfLast(own, n.Arguments)
	case *ast.ConditionalNode:
		return end(n.Exp2)
	case *ast.VariableDeclaratorNode:
		return end(n.Expr)
	case *ast.PairNode:
		return end(n.Value)
	case *ast.SequenceNode:
		return endOfLast(own, n.Nodes)
	case *ast.ArrayNode:
		return endOfLast(own, n.Nodes)
	case *ast.MapNode:
		return endOfLast(own, n.Pairs)
	}
	return own
}

func endOfLast(own int, nodes []ast.Node) int {
	if len(nodes) == 0 {
		return own
	}
	return max(own, end(nodes[len(nodes)-1]))
}
