#!/bin/sh
# Prints the name of this folder's jobs, which no other clone's have: the folder's own name and a checksum of its whole path.
set -eu
folder=$(pwd -P)
echo "${folder##*/}-$(printf %s "$folder" | cksum | cut -d ' ' -f 1)"
