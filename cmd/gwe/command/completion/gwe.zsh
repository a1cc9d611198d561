#compdef gwe
# Completion of gwe in zsh. It asks `gwe complete`, which says what its lines mean.
_gwe() {
	local line offer about prefix files=""
	local -a plain plain_about open open_about
	for line in "${(@f)$(${words[1]} complete -- "${(@Q)words[2,CURRENT]}" 2>/dev/null)}"; do
		case $line in
		'') continue ;;
		':files '* | ':directories '*) files=${line%% *} prefix=${line#* }; continue ;;
		esac
		offer=${line%%$'\t'*} about=${line#*$'\t'}
		if [[ $offer == *[/=:@] ]]; then
			open+=("$offer") open_about+=("$offer${about:+  -- $about}")
		else
			plain+=("$offer") plain_about+=("$offer${about:+  -- $about}")
		fi
	done
	((!$#plain)) || compadd -l -V gwe -d plain_about -a plain
	((!$#open)) || compadd -l -V gwe-open -S '' -d open_about -a open
	case $files in
	:files) [[ -z $prefix ]] || compset -P "${(b)prefix}"; _files ;;
	:directories) [[ -z $prefix ]] || compset -P "${(b)prefix}"; _files -/ ;;
	esac
}
if [[ $funcstack[1] == _gwe ]]; then _gwe "$@"; else compdef _gwe gwe; fi
