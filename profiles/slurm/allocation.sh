#!/usr/bin/env bash
# Thousands of cells that take seconds or minutes: the whole study as one SLURM job, in which
# Snakemake runs as on one machine. README.md says when.
#
#   sbatch profiles/slurm/allocation.sh --configfile config/mine.yaml
#
# Two minutes before the time limit it ends, and every cell saves; the same command goes on.
# `--nolock` since a Snakemake that is killed leaves its lock behind: never submit it twice at once.
#
# YOURS: a partition of your cluster with GPUs, what of one of its nodes you want, minutes, and the
# account if your cluster asks for one (--account).
#SBATCH --partition=main
#SBATCH --nodes=1
#SBATCH --gpus=4
#SBATCH --cpus-per-task=16
#SBATCH --mem=64000
#SBATCH --time=1440
#SBATCH --signal=TERM@120
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=allocation-%j.log
set -euo pipefail
# One job a GPU, or as many as may share it; without GPUs, one a processor.
at_once=$((${SLURM_GPUS_ON_NODE:-$SLURM_CPUS_PER_TASK} * ${EMC_GPU_JOBS_PER_DEVICE:-1}))
# A Snakemake that is asked to end while it selects jobs may wait for itself for ever, hence
# `timeout`: it passes the signal on and ends all after 30 seconds, when cells have long saved.
exec srun --ntasks=1 --cpus-per-task="$SLURM_CPUS_PER_TASK" \
    timeout --kill-after=30 0 snakemake --cores "$SLURM_CPUS_PER_TASK" --resources gpu="$at_once" \
    mem_mb="$SLURM_MEM_PER_NODE" --retries 3 --nolock "$@"
