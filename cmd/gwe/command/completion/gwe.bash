# Completion of gwe in bash 4 and later. It asks `gwe complete`, which says what its lines mean.
_gwe() {
	COMPREPLY=()
	# bash splits words at "=", ":" and "@" too; gwe reads them whole.
	local rest=${COMP_LINE:0:COMP_POINT} words=() part i
	for ((i = 0; i <= COMP_CWORD; i++)); do
		part=${COMP_WORDS[i]}
		if [[ $rest == [[:space:]]* || ${#words[@]} -eq 0 ]]; then
			rest=${rest#"${rest%%[![:space:]]*}"}
			words+=("")
		fi
		((i < COMP_CWORD)) || part=$rest
		words[-1]+=$part
		rest=${rest#"$part"}
	done
	local word=${words[-1]}
	[[ $COMP_LINE == *[[:space:]] || $word ]] || words+=("")
	# What is typed of the word before its last separator is not for us to replace.
	local before="" from=${#word}
	for ((i = 0; i < from; i++)); do
		[[ $COMP_WORDBREAKS != *"${word:i:1}"* || ${word:i:1} != [=:@] ]] || before=${word:0:i+1}
	done
	local offer line
	while IFS= read -r line; do
		offer=${line%%$'\t'*}
		case $line in
		:files\ * | :directories\ *)
			local prefix=${line#* } kind=-f found
			[[ $line == :files* ]] || kind=-d
			compopt -o filenames
			while IFS= read -r found; do
				found=$prefix$found
				COMPREPLY+=("${found#"$before"}")
			done < <(compgen $kind -- "${word#"$prefix"}")
			;;
		*)
			[[ $offer != *[/=:@] ]] || compopt -o nospace
			offer=${offer#"$before"}
			[[ $offer != *[^[:alnum:]_./:=@,+%-]* ]] || printf -v offer %q "$offer"
			COMPREPLY+=("$offer")
			;;
		esac
	done < <("${COMP_WORDS[0]}" complete -- "${words[@]:1}" 2>/dev/null)
}
complete -F _gwe gwe
