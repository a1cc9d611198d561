package kept

// Constructs is the name under which runs of a recipe with many constructs are kept. Their version is the
// journal's format.
const Constructs = "constructs"

// constructs is such a recipe. How a run of it ends, its inputs say.
const constructs = `gwe: 1
name: kept
inputs:
  fail: { type: bool, default: false }
  wait: { type: bool, default: false }
  words: { type: list<string>, default: [one, two] }
  token: { type: secret, required: true }
vars: { word: new }
lock: [ROOT]
timeout: 10m
defaults: { undo-timeout: 1m }
steps:
  - write: { path: ROOT/file, content: "${{ vars.word }}" }
  - write: { path: ROOT/secret, content: "${{ inputs.token }}", mode: "0600" }
  - id: seen
    read-link: ROOT/link
  - when: not steps.seen.found
    mkdir: ROOT/never
  - name: A group that is rescued
    steps:
      - mkdir: ROOT/lost
      - assert: { that: "${{ vars.word == 'old' }}", message: the group fails }
    rescue:
      - write: { path: ROOT/rescued, content: "${{ error.code }}" }
    finally:
      - run: { argv: ["true"] }
  - name: A group that may fail
    allow-failure: true
    steps:
      - mkdir: ROOT/forgiven
      - assert: { that: "${{ vars.word == 'old' }}", message: the group fails }
  - parallel:
      - mkdir: ROOT/left
      - steps:
          - for-each: "${{ inputs.words }}"
            write: { path: "ROOT/right-${{ item }}", content: "${{ index }}" }
          - symlink: { link: ROOT/right, to: right-one }
    limit: 2
  - for-each: { a: first, b: second }
    steps:
      - write: { path: "ROOT/round-${{ index }}", content: "${{ item }}" }
      - run: { argv: [mkdir, "ROOT/round-${{ index }}.made"] }
        undo:
          - run: { argv: [rm, -rf, "ROOT/round-${{ index }}.made"] }
        undo-last:
          - run: { argv: ["true"] }
  - id: used
    use: ./used.yaml
    with: { path: ROOT/used }
  - write: { path: ROOT/last, content: "${{ steps.used.said }}" }
  - when: inputs.wait
    confirm: { within: 8760h }
  - assert: { that: "${{ not inputs.fail }}", message: the run fails }
  - commit: the new tree is in place
  - run: { argv: ["true"] }
    undo: none
finally:
  - run: { argv: ["true"] }
outputs: { said: "${{ steps.used.said }}" }
`

const used = `gwe: 1
name: used
inputs: { path: { type: path, required: true } }
vars: { word: said }
steps:
  - mkdir: ${{ inputs.path }}
  - write: { path: "${{ inputs.path }}/file", content: "${{ vars.word }}" }
outputs: { said: "${{ vars.word }}" }
`

// ofConstructs is the sample.
func ofConstructs() Sample {
	return Sample{Type: Constructs, Arrange: func(t *Tree) {
		t.write("old\n", "file", "last")
		t.link("file", "link")
		inputs := Tree{root: t.shared}
		inputs.write("a-long-token", "token")
		t.check(inputs.err)
	}}
}
