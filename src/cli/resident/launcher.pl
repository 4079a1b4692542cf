# Hands a command to the daemon and passes on what it writes; request.ts and frames.ts say how. No modules: loading the
# smallest of them takes longer than all of this.
my ($socket, $program, @args) = @ARGV;
delete $ENV{PERL_BADLANG};

sub start_process {
  $SIG{PIPE} = "DEFAULT";
  $ENV{STRATA_RESIDENT} = "off";
  exec { $program } $program, @args;
  exit 127;
}

sub terminal {
  my $size = "\0" x 8;
  # TIOCGWINSZ of ioctl_tty(2)
  return ioctl($_[0], 0x5413, $size) ? join " ", (unpack "S2", $size)[1, 0] : "";
}

sub put {
  my ($out, $name, $data) = @_;
  while (length $data) {
    my $n = syswrite $out, $data;
    if (defined $n) { substr($data, 0, $n) = "" }
    # EAGAIN: somebody else made this pipe one that does not wait.
    elsif ($! == 11) { vec(my $ready = "", fileno $out, 1) = 1; select undef, $ready, undef, undef }
    # EINTR
    elsif ($! != 4) { print STDERR "write /dev/$name: ", lcfirst $!, "\n"; exit 1 }
  }
}

# AF_UNIX, SOCK_STREAM
my $daemon;
socket($daemon, 1, 1, 0) && connect($daemon, pack "Sa108", 1, $socket) or start_process;
my @file = stat $program;
my @space = stat "/proc/self/ns/mnt";
my @root = stat "/";
my $zone = readlink "/etc/localtime";
my $place = join "\n", "@file[0, 1, 7, 9]", $space[1], "@root[0, 1]", defined $zone ? $zone : "", umask;
my @fields = ($place, terminal(*STDOUT), terminal(*STDERR), readlink "/proc/self/cwd", scalar @args, @args);
push @fields, map { "$_=$ENV{$_}" } keys %ENV;
my $request = pack "N/a*", join "", map { "$_\0" } @fields;
# A daemon that is just ending must not end this by a signal.
$SIG{PIPE} = "IGNORE";
while (length $request) {
  my $n = syswrite $daemon, $request;
  defined $n or start_process;
  substr($request, 0, $n) = "";
}
$SIG{PIPE} = "DEFAULT";

my %numbers = (HUP => 1, INT => 2, QUIT => 3, USR2 => 12, TERM => 15, CONT => 18, TSTP => 20, WINCH => 28, IO => 29);
# What was ignored, as by nohup, stays so.
my %before = map { $_ => $SIG{$_} || "DEFAULT" } keys %numbers;
my $unheard = "";

sub tell {
  my ($name) = @_;
  my ($columns, $rows) = split " ", terminal(*STDOUT) || terminal(*STDERR) || "0 0";
  local $SIG{PIPE} = "IGNORE";
  syswrite $daemon, pack "Cnn", $numbers{$name}, $rows, $columns;
  # A daemon that is too busy to hear it is not waited for.
  if ($name ne "WINCH") { $unheard = $name; alarm 3 }
}

$SIG{ALRM} = sub { $SIG{$unheard} = "DEFAULT"; kill $unheard, $$ };
$SIG{WINCH} = \&tell if terminal(*STDOUT) || terminal(*STDERR);
my $buffer = "";
for (;;) {
  my $read = sysread $daemon, $buffer, 65536, length $buffer;
  next if !defined $read && $! == 4;
  last if !$read;
  while (length $buffer >= 5) {
    my ($kind, $length) = unpack "CN", $buffer;
    last if length $buffer < 5 + $length;
    my $content = substr $buffer, 5, $length;
    substr($buffer, 0, 5 + $length) = "";
    if ($kind == 0) { start_process }
    elsif ($kind == 1) { put(*STDOUT, "stdout", $content) }
    elsif ($kind == 2) { put(*STDERR, "stderr", $content) }
    elsif ($kind == 3) { exit ord $content }
    elsif ($kind == 5) { alarm 0 }
    else {
      for my $name (grep { $_ ne "WINCH" && $before{$_} ne "IGNORE" } keys %numbers) {
        $SIG{$name} = index($content, chr $numbers{$name}) < 0 ? $before{$name} : \&tell;
      }
    }
  }
}
print STDERR "strata: the daemon ended before the command did\n";
exit 1;
