#!/bin/sh
# usage: slurm.sh ELCL MODEL
# The words of a model's test.tsv in an array job of Slurm and by GNU parallel: the joined output
# has the bytes of one process, though one task is killed and another one requeued. Starts a
# cluster of one node, with all its files in a temporary directory. Needs slurm-wlm, munge and
# parallel (Debian packages). Takes minutes and two TCP ports, so that it is run by hand.
set -u
. "$(dirname "$0")/lib.sh"
elcl=$(realpath "$1")
model=$(realpath "$2")
PATH=$PATH:/usr/sbin:/sbin
for program in munged slurmctld slurmd sbatch parallel; do
    command -v $program >/dev/null || {
        skip "no $program here (Debian: slurm-wlm, munge, parallel)"
        end
    }
done
runs "$elcl" --version
cd "$tmp" || exit 1

# ---- a cluster ---------------------------------------------------------------------------------

daemons=
stop() {
    # shellcheck disable=SC2086
    kill $daemons 2>/dev/null
    sleep 1
    cd / && rm -rf "$tmp"
}
trap stop EXIT

# munged insists that others cannot write in these.
chmod 755 "$tmp"
mkdir state spool munge
chmod 700 munge
dd if=/dev/urandom of=munge/key bs=1024 count=1 2>/dev/null
chmod 600 munge/key
munged --foreground --force --key-file="$tmp/munge/key" --socket="$tmp/munge.socket" \
    --pid-file="$tmp/munge/pid" --log-file="$tmp/munge/log" --seed-file="$tmp/munge/seed" \
    >munged.log 2>&1 &
daemons=$!
waits [ -S munge.socket ]
cat >slurm.conf <<END
ClusterName=elcl
SlurmctldHost=$(hostname -s)(127.0.0.1)
SlurmUser=$(id -un)
SlurmdUser=$(id -un)
AuthInfo=socket=$tmp/munge.socket
SlurmctldPort=26817
SlurmdPort=26818
StateSaveLocation=$tmp/state
SlurmdSpoolDir=$tmp/spool
SlurmctldPidFile=$tmp/slurmctld.pid
SlurmdPidFile=$tmp/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
ReturnToService=2
KillWait=5
NodeName=$(hostname -s) NodeAddr=127.0.0.1 CPUs=4
PartitionName=all Nodes=ALL Default=YES State=UP
END
# The node may have fewer processors than the four tasks that run at the same time.
echo 'SlurmdParameters=config_overrides' >>slurm.conf
SLURM_CONF=$tmp/slurm.conf
export SLURM_CONF
slurmctld -D -f slurm.conf >slurmctld.log 2>&1 &
daemons="$daemons $!"
slurmd -D -f slurm.conf -N "$(hostname -s)" >slurmd.log 2>&1 &
daemons="$daemons $!"
is_idle() {
    [ "$(sinfo --noheader --format=%T 2>sinfo.log)" = idle ]
}
waits is_idle || {
    fail "the cluster starts" "$(tail -n 3 slurmctld.log)" "$(tail -n 3 slurmd.log)" \
        "$(cat sinfo.log)"
    end
}

# ---- an array ----------------------------------------------------------------------------------

cut -f 1 "$model/test.tsv" >words
options="--num-beams 4 --batch-size 8 --format jsonl"
# shellcheck disable=SC2086
run "$elcl" generate --quiet "$model" --input words $options --output want
exits "one process" 0
cat >job.sh <<END
#!/bin/sh
echo \$\$ >pid.\$SLURM_ARRAY_TASK_ID
env | grep SLURM_ARRAY_TASK_ | sort >>env.\$SLURM_ARRAY_TASK_ID
exec "$elcl" generate --quiet "$model" --input words $options --shard auto --resume \
    --output shard.\$SLURM_ARRAY_TASK_ID
END
job=$(sbatch --parsable --array=1-4 --requeue --open-mode=append job.sh)

# state TASK STATE...: whether the task is in one of the states.
state() {
    scontrol show job "${job}_$1" 2>/dev/null | grep -qE "JobState=($2)"
}

# started TASK: whether it has written a part of its output.
started() {
    [ -s "shard.$1.part" ]
}

waits started 2
kill -KILL "$(cat pid.2)"
waits state 2 FAILED
check "a killed task has failed" state 2 FAILED
waits started 3
refuses "a merge before the end" 1 "has not ended" "$elcl" merge shard.*.run.json --output all
scontrol requeue "${job}_3" # it still runs
scontrol requeue "${job}_2"
for task in 2 3; do
    waits state $task 'PENDING'
    # Slurm waits two minutes, so that the node forgets the credential of the first start.
    scontrol update "jobid=${job}_$task" starttime=now+15seconds
done
tries=0
while ! "$elcl" merge shard.*.run.json --output all 2>merge.log && [ $tries -lt 200 ]; do
    sleep 1
    tries=$((tries + 1))
done
cmp -s all want || tail -n 20 slurmctld.log
check "the shards of the array, joined" cmp -s all want
same "lines" "$(wc -l <all)" "$(wc -l <words)"
same "merge says nothing" "$(cat merge.log)" ""
for task in 1 2 3 4; do
    echo "task $task: $(grep -c TASK_ID env.$task) starts, $(sort -u env.$task | tr '\n' ' ')"
done
same "task 2 was started again" "$(grep -c TASK_ID env.2)" 2
same "task 3 was started again" "$(grep -c TASK_ID env.3)" 2
same "a task that starts again has the same variables" "$(sort env.2 | uniq -c |
    awk '$1 != 2')" ""
same "what tasks say that nobody stopped" "$(cat "slurm-${job}_1.out" "slurm-${job}_4.out")" ""

# ---- GNU parallel ------------------------------------------------------------------------------

rm -f shard.*
# shellcheck disable=SC2086
run parallel --will-cite "$elcl" generate --quiet "$model" --input words $options \
    --shard {}/4 --output shard.{} ::: 1 2 3 4
exits "shards by parallel" 0
run "$elcl" merge shard.?
check "shards by parallel, joined" cmp -s out want
# shellcheck disable=SC2086
parallel --will-cite --pipe -k -N 1000 "$elcl" generate --quiet "$model" $options \
    --first-sample '$((({#} - 1) * 1000))' <words >out
check "a stream by parallel" cmp -s out want
end
