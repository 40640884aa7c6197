# Completion of `inverse` for bash, and for zsh after `autoload -U +X bashcompinit && bashcompinit`: the command itself says what may follow.
_inverse() {
  local word=${COMP_WORDS[COMP_CWORD]} line
  COMPREPLY=()
  while IFS= read -r line; do
    [[ "$line" != "$word"* || "$line" == /* || "$line" == -[?h] ]] || COMPREPLY+=("$line")
  done < <("${COMP_WORDS[0]}" "[suggest:$COMP_POINT]" "$COMP_LINE" 2>/dev/null)
  # A file's name, where nothing else fits.
  [ ${#COMPREPLY[@]} -gt 0 ] || compopt -o default 2>/dev/null || true
}
complete -F _inverse inverse
