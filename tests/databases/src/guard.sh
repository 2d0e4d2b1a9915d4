# Starts and ends one server on behalf of a test process, and outlives neither.
#
# Reads words from the test process, one a line, and answers each with a line. The end of the input means
# that the test process is gone, however it went: the server is killed and its directory removed.
#
# usage: sh -c "$THIS" guard DIRECTORY
# The kernel sends it where the test process ends while the server is halted.
trap '' HUP
directory=$1
log=$directory/output.log
server=

# The server and, where it has one process for each connection, those.
processes() {
  echo "$server $(cat "/proc/$server/task/$server/children")"
}

is_alive() {
  [ -d "/proc/$1" ] && ! grep -q '^State:[[:space:]]*Z' "/proc/$1/status"
}

end() {
  [ -n "$server" ] || return 0
  # Halted first, it starts no process that would be missed.
  kill -STOP "$server"
  all=$(processes)
  kill -KILL $all
  for process in $all; do
    while is_alive "$process"; do sleep 0.01; done
  done
  wait "$server"
  server=
}

while read -r word command; do
  case $word in
    start)
      eval "exec $command" </dev/null >>"$log" 2>&1 &
      server=$!
      echo "$server"
      ;;
    kill) end && echo done ;;
    pause)
      kill -STOP "$server" && kill -STOP $(processes) && echo done || echo failed
      ;;
    resume)
      kill -CONT $(processes) && echo done || echo failed
      ;;
  esac
done
end
rm -rf "$directory"
