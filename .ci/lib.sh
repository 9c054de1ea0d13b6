# Functions of .ci/run: headings, README commands, pinned tools, databases,
# brokers.

# step prints how long the last step took and the heading of the next one.
step() {
  step_end
  current=$1 started=$SECONDS
  printf '\n== %s\n' "$current"
}

step_end() {
  if [ -n "${current:-}" ]; then
    printf -- '-- %s: %d s\n' "$current" $((SECONDS - started))
  fi
}

# finish cleans up and names the step that a failing run stopped in.
finish() {
  local status=$?
  rm -rf "$scratch"
  if ((status != 0)); then printf '\nFAILED in: %s\n' "${current:-preparation}"; fi
  exit "$status"
}

# readme_command prints the fenced block behind <!-- command: NAME --> in
# README.md, so that what is run here is what a reader is told.
readme_command() {
  local block
  block=$(awk -v mark="<!-- command: $1 -->" '
    $0 == mark            { wanted = 1; next }
    wanted && /^```/      { if (inside) exit; inside = 1; next }
    inside                { print }' README.md)
  if [ -z "$block" ]; then
    echo "README.md has no block marked <!-- command: $1 -->" >&2
    return 1
  fi
  printf '%s\n' "$block"
}

# bare runs a command without any of the suite's variables.
bare() {
  local unset=() name
  while read -r name; do unset+=(-u "$name"); done < <(compgen -e | grep '^ENGAGE_' || true)
  env "${unset[@]}" "$@"
}

# tool runs a program at the version that .ci/tools.mod pins.
tool() { go tool -modfile=.ci/tools.mod "$@"; }

# state is what git sees of the checkout: its status and the changes' content.
state() {
  git -c safe.directory='*' status --porcelain
  git -c safe.directory='*' diff
}

install_packages() {
  echo "installing $*"
  export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 # the cluster is made in UTF-8
  apt-get update -qq && apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

# eventually repeats a command for half a minute until it succeeds.
eventually() {
  local deadline=$((SECONDS + 30))
  until "$@" >/dev/null 2>&1; do
    if ((SECONDS >= deadline)); then
      echo "gave up waiting for: $*" >&2
      return 1
    fi
    sleep 0.5
  done
}

# postgres sets ENGAGE_TEST_POSTGRES, and starts and prepares a server for it
# unless the caller has set it.
postgres() {
  if [ -n "${ENGAGE_TEST_POSTGRES:-}" ]; then return; fi
  postgres_server
  # Packages are tested side by side, each with pools of its own: the 100
  # connections of a new cluster are not enough.
  if (($(psql --no-password -Xqtc 'SHOW max_connections' "$ENGAGE_TEST_POSTGRES") < 300)); then
    psql --no-password -Xqc 'ALTER SYSTEM SET max_connections = 300' "$ENGAGE_TEST_POSTGRES"
    pg_ctlcluster --skip-systemctl-redirect "$(pg_lsclusters -h | awk 'NR == 1 { print $1 }')" main restart
    eventually psql --no-password -Xqtc 'SELECT 1' "$ENGAGE_TEST_POSTGRES"
  fi
}

postgres_server() {
  export ENGAGE_TEST_POSTGRES='postgres://postgres@127.0.0.1:5432/test?sslmode=disable'
  local probe=(psql --no-password -Xqtc 'SELECT 1')
  if ! command -v psql >/dev/null; then install_packages postgresql; fi
  if "${probe[@]}" "$ENGAGE_TEST_POSTGRES" >/dev/null 2>&1; then return; fi
  if ! pg_isready -q -h 127.0.0.1; then
    if ! command -v pg_ctlcluster >/dev/null; then install_packages postgresql; fi
    pg_isready -q -h 127.0.0.1 ||
      pg_ctlcluster --skip-systemctl-redirect "$(pg_lsclusters -h | awk 'NR == 1 { print $1 }')" main start
    eventually pg_isready -q -h 127.0.0.1
    if "${probe[@]}" "$ENGAGE_TEST_POSTGRES" >/dev/null 2>&1; then return; fi
  fi
  # A new Debian cluster knows its own users only: give the tests a role.
  su postgres -c 'psql -Xq -v ON_ERROR_STOP=1' <<'SQL'
SELECT 'CREATE ROLE engage_test' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'engage_test') \gexec
ALTER ROLE engage_test LOGIN SUPERUSER PASSWORD 'engage_test';
SELECT 'CREATE DATABASE engage_test OWNER engage_test'
  WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'engage_test') \gexec
SQL
  export ENGAGE_TEST_POSTGRES='postgres://engage_test:engage_test@127.0.0.1:5432/engage_test?sslmode=disable'
  "${probe[@]}" "$ENGAGE_TEST_POSTGRES" >/dev/null
}

# mariadb_service sets ENGAGE_TEST_MYSQL in the same way.
mariadb_service() {
  if [ -n "${ENGAGE_TEST_MYSQL:-}" ]; then return; fi
  mariadb_server
  mariadb --protocol=tcp --host=127.0.0.1 "${maria[@]}" --execute='SET GLOBAL max_connections = 500'
}

mariadb_server() {
  maria=(--user=root)
  export ENGAGE_TEST_MYSQL='root@tcp(127.0.0.1:3306)/test'
  local probe=(mariadb --protocol=tcp --host=127.0.0.1 --execute='SELECT 1')
  if ! command -v mariadb >/dev/null; then install_packages mariadb-server; fi
  if "${probe[@]}" --user=root test >/dev/null 2>&1; then return; fi
  if ! mariadb-admin ping --silent >/dev/null 2>&1; then
    if [ ! -x /usr/sbin/mariadbd ]; then install_packages mariadb-server; fi
    install -d -o mysql -g mysql /run/mysqld
    start-stop-daemon --start --oknodo --background --exec /usr/sbin/mariadbd -- --user=mysql
    eventually mariadb-admin ping --silent
    if "${probe[@]}" --user=root test >/dev/null 2>&1; then return; fi
  fi
  # A new Debian server lets root in through its socket only.
  mariadb <<'SQL'
CREATE DATABASE IF NOT EXISTS engage_test;
CREATE USER IF NOT EXISTS 'engage_test'@'localhost' IDENTIFIED BY 'engage_test';
CREATE USER IF NOT EXISTS 'engage_test'@'127.0.0.1' IDENTIFIED BY 'engage_test';
GRANT ALL ON *.* TO 'engage_test'@'localhost';
GRANT ALL ON *.* TO 'engage_test'@'127.0.0.1';
SQL
  maria=(--user=engage_test --password=engage_test)
  export ENGAGE_TEST_MYSQL='engage_test:engage_test@tcp(127.0.0.1:3306)/engage_test'
  "${probe[@]}" --user=engage_test --password=engage_test engage_test >/dev/null
}

# listening asks whether a port of this machine answers.
listening() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# brokers sets ENGAGE_TEST_NATS, ENGAGE_TEST_REDIS and ENGAGE_TEST_AMQP, and
# starts a server for each that the caller has not set.
brokers() {
  if [ -z "${ENGAGE_TEST_NATS:-}" ]; then
    export ENGAGE_TEST_NATS='nats://127.0.0.1:4222'
    if ! listening 4222; then
      if ! command -v nats-server >/dev/null; then install_packages nats-server; fi
      start-stop-daemon --start --oknodo --background --exec "$(command -v nats-server)" -- \
        -a 127.0.0.1 -p 4222 -js -sd "$scratch/nats"
      eventually listening 4222
    fi
  fi
  if [ -z "${ENGAGE_TEST_REDIS:-}" ]; then
    export ENGAGE_TEST_REDIS='127.0.0.1:6379'
    if ! listening 6379; then
      if ! command -v redis-server >/dev/null; then install_packages redis-server; fi
      listening 6379 || redis-server --daemonize yes --bind 127.0.0.1 --port 6379 --save '' --appendonly no
      eventually listening 6379
    fi
  fi
  if [ -z "${ENGAGE_TEST_AMQP:-}" ]; then
    export ENGAGE_TEST_AMQP='amqp://guest:guest@127.0.0.1:5672/'
    if ! listening 5672; then
      if ! command -v rabbitmq-server >/dev/null; then install_packages rabbitmq-server; fi
      listening 5672 || rabbitmq-server -detached
      eventually listening 5672
    fi
  fi
}
