# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_envclone_global_optspecs
    string join \n config= json q/quiet v/verbose lock-timeout= h/help V/version
end

function __fish_envclone_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_envclone_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_envclone_using_subcommand
    set -l cmd (__fish_envclone_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c envclone -n "__fish_envclone_needs_command" -l config -d 'Configuration file' -r -F
complete -c envclone -n "__fish_envclone_needs_command" -l lock-timeout -d 'How long to wait for another run, for example 30s or 5m' -r
complete -c envclone -n "__fish_envclone_needs_command" -l json -d 'Print one JSON document'
complete -c envclone -n "__fish_envclone_needs_command" -s q -l quiet -d 'Print errors only'
complete -c envclone -n "__fish_envclone_needs_command" -s v -l verbose -d 'Say more about what is being done'
complete -c envclone -n "__fish_envclone_needs_command" -s h -l help -d 'Print help'
complete -c envclone -n "__fish_envclone_needs_command" -s V -l version -d 'Print version'
complete -c envclone -n "__fish_envclone_needs_command" -f -a "init" -d 'Find services on this host; write a configuration, a first rule file and the masking key'
complete -c envclone -n "__fish_envclone_needs_command" -f -a "pool" -d 'Make or remove a Btrfs pool in a file, for hosts that have no Btrfs'
complete -c envclone -n "__fish_envclone_needs_command" -f -a "branch" -d 'Make a branch of an environment: a private, sanitized, running copy'
complete -c envclone -n "__fish_envclone_needs_command" -f -a "list" -d 'List environments as a tree'
complete -c envclone -n "__fish_envclone_needs_command" -f -a "show" -d 'Show everything about an environment'
complete -c envclone -n "__fish_envclone_needs_command" -f -a "url" -d 'Print the URL of a branch: its database\'s, or a service\'s; with `--format env` those of all services'
complete -c envclone -n "__fish_envclone_needs_command" -f -a "connect" -d 'Open the engine\'s own client on a service of a branch, inside its sandbox'
complete -c envclone -n "__fish_envclone_needs_command" -f -a "exec" -d 'Run a command in the sandbox of a service, as the service\'s account'
complete -c envclone -n "__fish_envclone_needs_command" -f -a "logs" -d 'Print the log of a service of a branch'
complete -c envclone -n "__fish_envclone_needs_command" -f -a "stop" -d 'Stop a branch: release its memory, keep its data, port and password'
complete -c envclone -n "__fish_envclone_needs_command" -f -a "start" -d 'Start a stopped branch under the same URL'
complete -c envclone -n "__fish_envclone_needs_command" -f -a "destroy" -d 'Destroy branches and all their data'
complete -c envclone -n "__fish_envclone_needs_command" -f -a "sanitize" -d 'Hold the rules against an environment, or look for personal data in it'
complete -c envclone -n "__fish_envclone_needs_command" -f -a "config" -d 'Print the configuration in effect, and where each value comes from'
complete -c envclone -n "__fish_envclone_needs_command" -f -a "doctor" -d 'Find what is missing, unsafe or left over, and say what mends it'
complete -c envclone -n "__fish_envclone_needs_command" -f -a "completions" -d 'Print completions for a shell'
complete -c envclone -n "__fish_envclone_needs_command" -f -a "man" -d 'Print the manual page of envclone or of one of its commands, for `man -l -`'
complete -c envclone -n "__fish_envclone_needs_command" -f -a "generate" -d 'Write completions, manual pages and the page on transforms below a directory'
complete -c envclone -n "__fish_envclone_using_subcommand init" -l project -d 'Name of the project [default: the name of the database that is found]' -r
complete -c envclone -n "__fish_envclone_using_subcommand init" -l pool -d 'Mounted Btrfs, or dataset, in which branches live [default: the Btrfs that holds the root; a dataset beside it]' -r -F
complete -c envclone -n "__fish_envclone_using_subcommand init" -l root -d 'Subvolume or dataset that holds production [default: the one that holds the server that is found]' -r -F
complete -c envclone -n "__fish_envclone_using_subcommand init" -l state -d 'Where envclone remembers [default: /var/lib/envclone]' -r -F
complete -c envclone -n "__fish_envclone_using_subcommand init" -l run -d 'Where its sockets and locks are [default: /run/envclone]' -r -F
complete -c envclone -n "__fish_envclone_using_subcommand init" -l config -d 'Configuration file' -r -F
complete -c envclone -n "__fish_envclone_using_subcommand init" -l lock-timeout -d 'How long to wait for another run, for example 30s or 5m' -r
complete -c envclone -n "__fish_envclone_using_subcommand init" -l json -d 'Print one JSON document'
complete -c envclone -n "__fish_envclone_using_subcommand init" -s q -l quiet -d 'Print errors only'
complete -c envclone -n "__fish_envclone_using_subcommand init" -s v -l verbose -d 'Say more about what is being done'
complete -c envclone -n "__fish_envclone_using_subcommand init" -s h -l help -d 'Print help'
complete -c envclone -n "__fish_envclone_using_subcommand pool; and not __fish_seen_subcommand_from create remove" -l config -d 'Configuration file' -r -F
complete -c envclone -n "__fish_envclone_using_subcommand pool; and not __fish_seen_subcommand_from create remove" -l lock-timeout -d 'How long to wait for another run, for example 30s or 5m' -r
complete -c envclone -n "__fish_envclone_using_subcommand pool; and not __fish_seen_subcommand_from create remove" -l json -d 'Print one JSON document'
complete -c envclone -n "__fish_envclone_using_subcommand pool; and not __fish_seen_subcommand_from create remove" -s q -l quiet -d 'Print errors only'
complete -c envclone -n "__fish_envclone_using_subcommand pool; and not __fish_seen_subcommand_from create remove" -s v -l verbose -d 'Say more about what is being done'
complete -c envclone -n "__fish_envclone_using_subcommand pool; and not __fish_seen_subcommand_from create remove" -s h -l help -d 'Print help'
complete -c envclone -n "__fish_envclone_using_subcommand pool; and not __fish_seen_subcommand_from create remove" -f -a "create" -d 'Make a pool: the file PATH.img, all of it reserved, mounted at PATH, now and at every boot'
complete -c envclone -n "__fish_envclone_using_subcommand pool; and not __fish_seen_subcommand_from create remove" -f -a "remove" -d 'Unmount a pool and remove its file; refused while branches are in it'
complete -c envclone -n "__fish_envclone_using_subcommand pool; and __fish_seen_subcommand_from create" -l size -d 'Size of the pool, for example 500M or 8G' -r
complete -c envclone -n "__fish_envclone_using_subcommand pool; and __fish_seen_subcommand_from create" -l config -d 'Configuration file' -r -F
complete -c envclone -n "__fish_envclone_using_subcommand pool; and __fish_seen_subcommand_from create" -l lock-timeout -d 'How long to wait for another run, for example 30s or 5m' -r
complete -c envclone -n "__fish_envclone_using_subcommand pool; and __fish_seen_subcommand_from create" -l json -d 'Print one JSON document'
complete -c envclone -n "__fish_envclone_using_subcommand pool; and __fish_seen_subcommand_from create" -s q -l quiet -d 'Print errors only'
complete -c envclone -n "__fish_envclone_using_subcommand pool; and __fish_seen_subcommand_from create" -s v -l verbose -d 'Say more about what is being done'
complete -c envclone -n "__fish_envclone_using_subcommand pool; and __fish_seen_subcommand_from create" -s h -l help -d 'Print help'
complete -c envclone -n "__fish_envclone_using_subcommand pool; and __fish_seen_subcommand_from remove" -l config -d 'Configuration file' -r -F
complete -c envclone -n "__fish_envclone_using_subcommand pool; and __fish_seen_subcommand_from remove" -l lock-timeout -d 'How long to wait for another run, for example 30s or 5m' -r
complete -c envclone -n "__fish_envclone_using_subcommand pool; and __fish_seen_subcommand_from remove" -l delete-data -d 'Remove also what else lies in the pool, production included'
complete -c envclone -n "__fish_envclone_using_subcommand pool; and __fish_seen_subcommand_from remove" -l json -d 'Print one JSON document'
complete -c envclone -n "__fish_envclone_using_subcommand pool; and __fish_seen_subcommand_from remove" -s q -l quiet -d 'Print errors only'
complete -c envclone -n "__fish_envclone_using_subcommand pool; and __fish_seen_subcommand_from remove" -s v -l verbose -d 'Say more about what is being done'
complete -c envclone -n "__fish_envclone_using_subcommand pool; and __fish_seen_subcommand_from remove" -s h -l help -d 'Print help'
complete -c envclone -n "__fish_envclone_using_subcommand branch" -l type -d 'What it is for: development or staging' -r
complete -c envclone -n "__fish_envclone_using_subcommand branch" -l die-after-line -d 'Die by SIGKILL after this line of the journal: for tests of what is left behind then' -r
complete -c envclone -n "__fish_envclone_using_subcommand branch" -l config -d 'Configuration file' -r -F
complete -c envclone -n "__fish_envclone_using_subcommand branch" -l lock-timeout -d 'How long to wait for another run, for example 30s or 5m' -r
complete -c envclone -n "__fish_envclone_using_subcommand branch" -l dry-run -d 'Print what would be done, and do nothing'
complete -c envclone -n "__fish_envclone_using_subcommand branch" -l json -d 'Print one JSON document'
complete -c envclone -n "__fish_envclone_using_subcommand branch" -s q -l quiet -d 'Print errors only'
complete -c envclone -n "__fish_envclone_using_subcommand branch" -s v -l verbose -d 'Say more about what is being done'
complete -c envclone -n "__fish_envclone_using_subcommand branch" -s h -l help -d 'Print help'
complete -c envclone -n "__fish_envclone_using_subcommand list" -l config -d 'Configuration file' -r -F
complete -c envclone -n "__fish_envclone_using_subcommand list" -l lock-timeout -d 'How long to wait for another run, for example 30s or 5m' -r
complete -c envclone -n "__fish_envclone_using_subcommand list" -l json -d 'Print one JSON document'
complete -c envclone -n "__fish_envclone_using_subcommand list" -s q -l quiet -d 'Print errors only'
complete -c envclone -n "__fish_envclone_using_subcommand list" -s v -l verbose -d 'Say more about what is being done'
complete -c envclone -n "__fish_envclone_using_subcommand list" -s h -l help -d 'Print help'
complete -c envclone -n "__fish_envclone_using_subcommand show" -l config -d 'Configuration file' -r -F
complete -c envclone -n "__fish_envclone_using_subcommand show" -l lock-timeout -d 'How long to wait for another run, for example 30s or 5m' -r
complete -c envclone -n "__fish_envclone_using_subcommand show" -l receipt -d 'Show the receipt: what was replaced, kept, exempt, read back, and not covered'
complete -c envclone -n "__fish_envclone_using_subcommand show" -l json -d 'Print one JSON document'
complete -c envclone -n "__fish_envclone_using_subcommand show" -s q -l quiet -d 'Print errors only'
complete -c envclone -n "__fish_envclone_using_subcommand show" -s v -l verbose -d 'Say more about what is being done'
complete -c envclone -n "__fish_envclone_using_subcommand show" -s h -l help -d 'Print help'
complete -c envclone -n "__fish_envclone_using_subcommand url" -l format -d 'How to print: url, or env for lines like `DATABASE_URL`=…' -r -f -a "url\t''
env\t''"
complete -c envclone -n "__fish_envclone_using_subcommand url" -l config -d 'Configuration file' -r -F
complete -c envclone -n "__fish_envclone_using_subcommand url" -l lock-timeout -d 'How long to wait for another run, for example 30s or 5m' -r
complete -c envclone -n "__fish_envclone_using_subcommand url" -l json -d 'Print one JSON document'
complete -c envclone -n "__fish_envclone_using_subcommand url" -s q -l quiet -d 'Print errors only'
complete -c envclone -n "__fish_envclone_using_subcommand url" -s v -l verbose -d 'Say more about what is being done'
complete -c envclone -n "__fish_envclone_using_subcommand url" -s h -l help -d 'Print help'
complete -c envclone -n "__fish_envclone_using_subcommand connect" -l config -d 'Configuration file' -r -F
complete -c envclone -n "__fish_envclone_using_subcommand connect" -l lock-timeout -d 'How long to wait for another run, for example 30s or 5m' -r
complete -c envclone -n "__fish_envclone_using_subcommand connect" -l json -d 'Print one JSON document'
complete -c envclone -n "__fish_envclone_using_subcommand connect" -s q -l quiet -d 'Print errors only'
complete -c envclone -n "__fish_envclone_using_subcommand connect" -s v -l verbose -d 'Say more about what is being done'
complete -c envclone -n "__fish_envclone_using_subcommand connect" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c envclone -n "__fish_envclone_using_subcommand exec" -l config -d 'Configuration file' -r -F
complete -c envclone -n "__fish_envclone_using_subcommand exec" -l lock-timeout -d 'How long to wait for another run, for example 30s or 5m' -r
complete -c envclone -n "__fish_envclone_using_subcommand exec" -l json -d 'Print one JSON document'
complete -c envclone -n "__fish_envclone_using_subcommand exec" -s q -l quiet -d 'Print errors only'
complete -c envclone -n "__fish_envclone_using_subcommand exec" -s v -l verbose -d 'Say more about what is being done'
complete -c envclone -n "__fish_envclone_using_subcommand exec" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c envclone -n "__fish_envclone_using_subcommand logs" -l config -d 'Configuration file' -r -F
complete -c envclone -n "__fish_envclone_using_subcommand logs" -l lock-timeout -d 'How long to wait for another run, for example 30s or 5m' -r
complete -c envclone -n "__fish_envclone_using_subcommand logs" -s f -l follow -d 'Go on printing what is added, until Ctrl-C or until the branch is destroyed'
complete -c envclone -n "__fish_envclone_using_subcommand logs" -l json -d 'Print one JSON document'
complete -c envclone -n "__fish_envclone_using_subcommand logs" -s q -l quiet -d 'Print errors only'
complete -c envclone -n "__fish_envclone_using_subcommand logs" -s v -l verbose -d 'Say more about what is being done'
complete -c envclone -n "__fish_envclone_using_subcommand logs" -s h -l help -d 'Print help'
complete -c envclone -n "__fish_envclone_using_subcommand stop" -l config -d 'Configuration file' -r -F
complete -c envclone -n "__fish_envclone_using_subcommand stop" -l lock-timeout -d 'How long to wait for another run, for example 30s or 5m' -r
complete -c envclone -n "__fish_envclone_using_subcommand stop" -l all -d 'Stop every branch that runs, for a shutdown of the host; `start --all` brings them back'
complete -c envclone -n "__fish_envclone_using_subcommand stop" -l json -d 'Print one JSON document'
complete -c envclone -n "__fish_envclone_using_subcommand stop" -s q -l quiet -d 'Print errors only'
complete -c envclone -n "__fish_envclone_using_subcommand stop" -s v -l verbose -d 'Say more about what is being done'
complete -c envclone -n "__fish_envclone_using_subcommand stop" -s h -l help -d 'Print help'
complete -c envclone -n "__fish_envclone_using_subcommand start" -l config -d 'Configuration file' -r -F
complete -c envclone -n "__fish_envclone_using_subcommand start" -l lock-timeout -d 'How long to wait for another run, for example 30s or 5m' -r
complete -c envclone -n "__fish_envclone_using_subcommand start" -l all -d 'Start every branch that was running when the host went down'
complete -c envclone -n "__fish_envclone_using_subcommand start" -l json -d 'Print one JSON document'
complete -c envclone -n "__fish_envclone_using_subcommand start" -s q -l quiet -d 'Print errors only'
complete -c envclone -n "__fish_envclone_using_subcommand start" -s v -l verbose -d 'Say more about what is being done'
complete -c envclone -n "__fish_envclone_using_subcommand start" -s h -l help -d 'Print help'
complete -c envclone -n "__fish_envclone_using_subcommand destroy" -l config -d 'Configuration file' -r -F
complete -c envclone -n "__fish_envclone_using_subcommand destroy" -l lock-timeout -d 'How long to wait for another run, for example 30s or 5m' -r
complete -c envclone -n "__fish_envclone_using_subcommand destroy" -l json -d 'Print one JSON document'
complete -c envclone -n "__fish_envclone_using_subcommand destroy" -s q -l quiet -d 'Print errors only'
complete -c envclone -n "__fish_envclone_using_subcommand destroy" -s v -l verbose -d 'Say more about what is being done'
complete -c envclone -n "__fish_envclone_using_subcommand destroy" -s h -l help -d 'Print help'
complete -c envclone -n "__fish_envclone_using_subcommand sanitize; and not __fish_seen_subcommand_from check plan scan explain" -l config -d 'Configuration file' -r -F
complete -c envclone -n "__fish_envclone_using_subcommand sanitize; and not __fish_seen_subcommand_from check plan scan explain" -l lock-timeout -d 'How long to wait for another run, for example 30s or 5m' -r
complete -c envclone -n "__fish_envclone_using_subcommand sanitize; and not __fish_seen_subcommand_from check plan scan explain" -l json -d 'Print one JSON document'
complete -c envclone -n "__fish_envclone_using_subcommand sanitize; and not __fish_seen_subcommand_from check plan scan explain" -s q -l quiet -d 'Print errors only'
complete -c envclone -n "__fish_envclone_using_subcommand sanitize; and not __fish_seen_subcommand_from check plan scan explain" -s v -l verbose -d 'Say more about what is being done'
complete -c envclone -n "__fish_envclone_using_subcommand sanitize; and not __fish_seen_subcommand_from check plan scan explain" -s h -l help -d 'Print help'
complete -c envclone -n "__fish_envclone_using_subcommand sanitize; and not __fish_seen_subcommand_from check plan scan explain" -f -a "check" -d 'Check that rules decide about every column and file; the environment is only read'
complete -c envclone -n "__fish_envclone_using_subcommand sanitize; and not __fish_seen_subcommand_from check plan scan explain" -f -a "plan" -d 'Show what would be done to each table and what it would cost, before anything is done; the environment is only read'
complete -c envclone -n "__fish_envclone_using_subcommand sanitize; and not __fish_seen_subcommand_from check plan scan explain" -f -a "scan" -d 'Look for personal data, whatever the rules say; the environment is only read'
complete -c envclone -n "__fish_envclone_using_subcommand sanitize; and not __fish_seen_subcommand_from check plan scan explain" -f -a "explain" -d 'Explain a transform: its parameters, the columns that it takes, what it does to unique values'
complete -c envclone -n "__fish_envclone_using_subcommand sanitize; and __fish_seen_subcommand_from check" -l config -d 'Configuration file' -r -F
complete -c envclone -n "__fish_envclone_using_subcommand sanitize; and __fish_seen_subcommand_from check" -l lock-timeout -d 'How long to wait for another run, for example 30s or 5m' -r
complete -c envclone -n "__fish_envclone_using_subcommand sanitize; and __fish_seen_subcommand_from check" -l json -d 'Print one JSON document'
complete -c envclone -n "__fish_envclone_using_subcommand sanitize; and __fish_seen_subcommand_from check" -s q -l quiet -d 'Print errors only'
complete -c envclone -n "__fish_envclone_using_subcommand sanitize; and __fish_seen_subcommand_from check" -s v -l verbose -d 'Say more about what is being done'
complete -c envclone -n "__fish_envclone_using_subcommand sanitize; and __fish_seen_subcommand_from check" -s h -l help -d 'Print help'
complete -c envclone -n "__fish_envclone_using_subcommand sanitize; and __fish_seen_subcommand_from plan" -l config -d 'Configuration file' -r -F
complete -c envclone -n "__fish_envclone_using_subcommand sanitize; and __fish_seen_subcommand_from plan" -l lock-timeout -d 'How long to wait for another run, for example 30s or 5m' -r
complete -c envclone -n "__fish_envclone_using_subcommand sanitize; and __fish_seen_subcommand_from plan" -l json -d 'Print one JSON document'
complete -c envclone -n "__fish_envclone_using_subcommand sanitize; and __fish_seen_subcommand_from plan" -s q -l quiet -d 'Print errors only'
complete -c envclone -n "__fish_envclone_using_subcommand sanitize; and __fish_seen_subcommand_from plan" -s v -l verbose -d 'Say more about what is being done'
complete -c envclone -n "__fish_envclone_using_subcommand sanitize; and __fish_seen_subcommand_from plan" -s h -l help -d 'Print help'
complete -c envclone -n "__fish_envclone_using_subcommand sanitize; and __fish_seen_subcommand_from scan" -l write -d 'Write a rule file to start from, where there is no file yet' -r -F
complete -c envclone -n "__fish_envclone_using_subcommand sanitize; and __fish_seen_subcommand_from scan" -l config -d 'Configuration file' -r -F
complete -c envclone -n "__fish_envclone_using_subcommand sanitize; and __fish_seen_subcommand_from scan" -l lock-timeout -d 'How long to wait for another run, for example 30s or 5m' -r
complete -c envclone -n "__fish_envclone_using_subcommand sanitize; and __fish_seen_subcommand_from scan" -l json -d 'Print one JSON document'
complete -c envclone -n "__fish_envclone_using_subcommand sanitize; and __fish_seen_subcommand_from scan" -s q -l quiet -d 'Print errors only'
complete -c envclone -n "__fish_envclone_using_subcommand sanitize; and __fish_seen_subcommand_from scan" -s v -l verbose -d 'Say more about what is being done'
complete -c envclone -n "__fish_envclone_using_subcommand sanitize; and __fish_seen_subcommand_from scan" -s h -l help -d 'Print help'
complete -c envclone -n "__fish_envclone_using_subcommand sanitize; and __fish_seen_subcommand_from explain" -l config -d 'Configuration file' -r -F
complete -c envclone -n "__fish_envclone_using_subcommand sanitize; and __fish_seen_subcommand_from explain" -l lock-timeout -d 'How long to wait for another run, for example 30s or 5m' -r
complete -c envclone -n "__fish_envclone_using_subcommand sanitize; and __fish_seen_subcommand_from explain" -l json -d 'Print one JSON document'
complete -c envclone -n "__fish_envclone_using_subcommand sanitize; and __fish_seen_subcommand_from explain" -s q -l quiet -d 'Print errors only'
complete -c envclone -n "__fish_envclone_using_subcommand sanitize; and __fish_seen_subcommand_from explain" -s v -l verbose -d 'Say more about what is being done'
complete -c envclone -n "__fish_envclone_using_subcommand sanitize; and __fish_seen_subcommand_from explain" -s h -l help -d 'Print help'
complete -c envclone -n "__fish_envclone_using_subcommand config" -l config -d 'Configuration file' -r -F
complete -c envclone -n "__fish_envclone_using_subcommand config" -l lock-timeout -d 'How long to wait for another run, for example 30s or 5m' -r
complete -c envclone -n "__fish_envclone_using_subcommand config" -l json -d 'Print one JSON document'
complete -c envclone -n "__fish_envclone_using_subcommand config" -s q -l quiet -d 'Print errors only'
complete -c envclone -n "__fish_envclone_using_subcommand config" -s v -l verbose -d 'Say more about what is being done'
complete -c envclone -n "__fish_envclone_using_subcommand config" -s h -l help -d 'Print help'
complete -c envclone -n "__fish_envclone_using_subcommand doctor" -l config -d 'Configuration file' -r -F
complete -c envclone -n "__fish_envclone_using_subcommand doctor" -l lock-timeout -d 'How long to wait for another run, for example 30s or 5m' -r
complete -c envclone -n "__fish_envclone_using_subcommand doctor" -l fix -d 'Undo runs that died and remove what dead supervisors left; nothing else'
complete -c envclone -n "__fish_envclone_using_subcommand doctor" -l json -d 'Print one JSON document'
complete -c envclone -n "__fish_envclone_using_subcommand doctor" -s q -l quiet -d 'Print errors only'
complete -c envclone -n "__fish_envclone_using_subcommand doctor" -s v -l verbose -d 'Say more about what is being done'
complete -c envclone -n "__fish_envclone_using_subcommand doctor" -s h -l help -d 'Print help'
complete -c envclone -n "__fish_envclone_using_subcommand completions" -l config -d 'Configuration file' -r -F
complete -c envclone -n "__fish_envclone_using_subcommand completions" -l lock-timeout -d 'How long to wait for another run, for example 30s or 5m' -r
complete -c envclone -n "__fish_envclone_using_subcommand completions" -l json -d 'Print one JSON document'
complete -c envclone -n "__fish_envclone_using_subcommand completions" -s q -l quiet -d 'Print errors only'
complete -c envclone -n "__fish_envclone_using_subcommand completions" -s v -l verbose -d 'Say more about what is being done'
complete -c envclone -n "__fish_envclone_using_subcommand completions" -s h -l help -d 'Print help'
complete -c envclone -n "__fish_envclone_using_subcommand man" -l config -d 'Configuration file' -r -F
complete -c envclone -n "__fish_envclone_using_subcommand man" -l lock-timeout -d 'How long to wait for another run, for example 30s or 5m' -r
complete -c envclone -n "__fish_envclone_using_subcommand man" -l json -d 'Print one JSON document'
complete -c envclone -n "__fish_envclone_using_subcommand man" -s q -l quiet -d 'Print errors only'
complete -c envclone -n "__fish_envclone_using_subcommand man" -s v -l verbose -d 'Say more about what is being done'
complete -c envclone -n "__fish_envclone_using_subcommand man" -s h -l help -d 'Print help'
complete -c envclone -n "__fish_envclone_using_subcommand generate" -l config -d 'Configuration file' -r -F
complete -c envclone -n "__fish_envclone_using_subcommand generate" -l lock-timeout -d 'How long to wait for another run, for example 30s or 5m' -r
complete -c envclone -n "__fish_envclone_using_subcommand generate" -l json -d 'Print one JSON document'
complete -c envclone -n "__fish_envclone_using_subcommand generate" -s q -l quiet -d 'Print errors only'
complete -c envclone -n "__fish_envclone_using_subcommand generate" -s v -l verbose -d 'Say more about what is being done'
complete -c envclone -n "__fish_envclone_using_subcommand generate" -s h -l help -d 'Print help'
