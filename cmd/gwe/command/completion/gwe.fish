# Completion of gwe in fish. It asks `gwe complete`, which says what its lines mean.
function __gwe_complete
    set -l words (commandline -opc)
    set -l word (commandline -ct)
    for line in ($words[1] complete -- $words[2..-1] $word 2>/dev/null)
        if string match -qr '^:(files|directories) ' -- $line
            set -l prefix (string replace -r '^:\w+ ' '' -- $line)
            set -l path (string sub -s (math (string length -- $prefix) + 1) -- $word)
            if string match -q ':files *' -- $line
                for one in (__fish_complete_path $path)
                    echo -- $prefix$one
                end
            else
                for one in (__fish_complete_directories $path)
                    echo -- $prefix$one
                end
            end
        else
            echo -- $line
        end
    end
end
complete -c gwe -f -a '(__gwe_complete)'
