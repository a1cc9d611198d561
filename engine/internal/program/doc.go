// Package program is what a recipe means: Compile makes a Program of it, with every type, name and path
// checked that can be known without a machine. There is one type for each construct of the language, in a
// file of its own: what it holds, how it is carried out and how it is planned. A construct asks a run or a
// plan for the rest, by the interfaces Performer and Planner.
//
// It imports schema, the rooms that a recipe's values need (expression, proof, step, value), the records of
// runs, and leaves. It runs nothing.
package program
