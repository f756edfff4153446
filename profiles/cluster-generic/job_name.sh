#!/bin/sh
# Prints the name of this folder's jobs, unique to this clone: the folder's name and a checksum of its path.
set -eu
folder=$(pwd -P)
echo "${folder##*/}-$(printf %s "$folder" | cksum | cut -d ' ' -f 1)"
