// Package graph draws a recipe: its steps from top to bottom, their guards, how each is undone, and the line
// of the commit; as SVG, as Mermaid's flowchart, and in DOT of Graphviz.
//
// It draws what the recipe says, and knows no machine. It may import schema, engine/expression and
// engine/step. Whatever a recipe holds, the output is well formed: text of the recipe is text, never markup.
package graph
