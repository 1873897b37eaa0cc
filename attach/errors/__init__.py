"""Every way in which live-attach can fail, one class each.

::

    AttachError
    ├── TargetError                 the process cannot be attached to
    │   ├── NoSuchProcess             exit 3
    │   ├── NotAProcess               exit 3   the number is a thread's
    │   ├── OtherProc                 exit 5
    │   ├── ZombieProcess             exit 3
    │   ├── TargetExited              exit 3   it ended meanwhile
    │   ├── PermissionRefused         exit 4
    │   │   ├── OtherUser
    │   │   ├── PtraceCapabilityMissing
    │   │   ├── PtraceScope           Yama
    │   │   ├── NotDumpable
    │   │   └── OwnFilter             seccomp denies it to us
    │   ├── UnsupportedTarget         exit 5
    │   │   ├── NotPython
    │   │   ├── UnsupportedPython     the version, or not CPython
    │   │   ├── UnsupportedMachine
    │   │   ├── StoppedProcess
    │   │   ├── InterpreterNotReady   not initialised, or finalising
    │   │   ├── SeccompFilter         that cannot be judged
    │   │   ├── SeccompKills
    │   │   ├── SeccompDenied
    │   │   ├── ResourceLimit
    │   │   └── MethodUnavailable
    │   └── AlreadyTraced             exit 6
    ├── InjectionError              the process could be attached to, but our code did not get in
    │   ├── BootstrapFailed           exit 1
    │   ├── ThreadNotStopping         exit 7
    │   ├── NoEvaluationPoint         exit 7
    │   ├── GilHeld                   exit 7
    │   ├── BootstrapSilent           exit 7
    │   ├── PyrasiteFailed            exit 1
    │   └── PyrasiteHangs             exit 7
    ├── AgentError                  the agent is there, but something is wrong with it
    │   ├── AgentUnreachable          exit 7
    │   ├── AgentMismatch             exit 6   of another version
    │   └── AgentFailed               exit 1
    ├── NotAttached                 exit 1
    ├── KernelTooOld                exit 5
    ├── CoverageError
    │   ├── CoverageRunning           exit 6
    │   ├── CoverageNotStarted        exit 1
    │   ├── CoverageRefused           exit 6   another tool is in the way
    │   ├── OptionNotUsable           exit 2
    │   ├── ConfigurationNotUsable    exit 2
    │   ├── TracerUnavailable         exit 1
    │   ├── UnknownName               exit 2
    │   ├── NameNotUsable             exit 2
    │   ├── TooManyNames              exit 1
    │   ├── SavingUnavailable         exit 5
    │   └── DataFileNotWritable       exit 1
    ├── RunError                    the process goes on
    │   ├── CodeRunning               exit 6
    │   ├── CodeTooLarge              exit 2
    │   ├── NoSuchModule              exit 2
    │   └── NotInterruptible          exit 1
    ├── DebugError                  the process goes on
    │   ├── DebugBusy                 exit 6
    │   ├── DebugClosed               exit 1
    │   ├── DebugRefused              exit 6   another tool is in the way
    │   ├── DebuggerUnavailable       exit 5
    │   ├── DebuggerClassNotUsable    exit 2
    │   ├── BreakpointError
    │   │   ├── UnknownFile           exit 2
    │   │   ├── AmbiguousFile         exit 2
    │   │   ├── NoCodeAtLine          exit 2
    │   │   └── UnknownFunction       exit 2
    │   ├── LogpointNotUsable         exit 2
    │   ├── NoSuchThread              exit 2
    │   ├── ThreadBlocked             exit 5
    │   └── NothingStopped            exit 7
    └── ReportError                 the measurement goes on
        ├── NothingMeasured           exit 1
        ├── NothingToReport           exit 1
        ├── MeasurementRejected       exit 1
        ├── ReportConfigNotUsable     exit 2
        ├── AnalysisUnavailable       exit 1
        └── OutputNotWritable         exit 1


An error tells what happened (`message`), why and what to do next (`hint`, with the command to type), has a `slug`
that is its section in docs/reference/errors.md, and the command's exit code (docs/reference/exit-codes.md).
"""

from attach.errors.agent import AgentError, AgentFailed, AgentMismatch, AgentUnreachable, KernelTooOld, NotAttached
from attach.errors.base import (
    EXIT_BUSY,
    EXIT_FAILED,
    EXIT_NO_PROCESS,
    EXIT_PERMISSION,
    EXIT_TIMEOUT,
    EXIT_UNSUPPORTED,
    EXIT_USAGE,
    AttachError,
)
from attach.errors.coverage import (
    ConfigurationNotUsable,
    CoverageError,
    CoverageNotStarted,
    CoverageRefused,
    CoverageRunning,
    DataFileNotWritable,
    NameNotUsable,
    OptionNotUsable,
    SavingUnavailable,
    TooManyNames,
    TracerUnavailable,
    UnknownName,
)
from attach.errors.debugging import (
    AmbiguousFile,
    BreakpointError,
    DebugBusy,
    DebugClosed,
    DebugError,
    DebuggerClassNotUsable,
    DebuggerUnavailable,
    DebugRefused,
    LogpointNotUsable,
    NoCodeAtLine,
    NoSuchThread,
    NothingStopped,
    ThreadBlocked,
    UnknownFile,
    UnknownFunction,
)
from attach.errors.injection import (
    BootstrapFailed,
    BootstrapSilent,
    GilHeld,
    InjectionError,
    NoEvaluationPoint,
    PyrasiteFailed,
    PyrasiteHangs,
    ThreadNotStopping,
)
from attach.errors.report import (
    AnalysisUnavailable,
    MeasurementRejected,
    NothingMeasured,
    NothingToReport,
    OutputNotWritable,
    ReportConfigNotUsable,
    ReportError,
)
from attach.errors.running import CodeRunning, CodeTooLarge, NoSuchModule, NotInterruptible, RunError
from attach.errors.target import (
    AlreadyTraced,
    InterpreterNotReady,
    MethodUnavailable,
    NoSuchProcess,
    NotAProcess,
    NotDumpable,
    NotPython,
    OtherProc,
    OtherUser,
    OwnFilter,
    PermissionRefused,
    PtraceCapabilityMissing,
    PtraceScope,
    ResourceLimit,
    SeccompDenied,
    SeccompFilter,
    SeccompKills,
    StoppedProcess,
    TargetError,
    TargetExited,
    UnsupportedMachine,
    UnsupportedPython,
    UnsupportedTarget,
    ZombieProcess,
)

__all__ = [
    "EXIT_BUSY",
    "EXIT_FAILED",
    "EXIT_NO_PROCESS",
    "EXIT_PERMISSION",
    "EXIT_TIMEOUT",
    "EXIT_UNSUPPORTED",
    "EXIT_USAGE",
    "AgentError",
    "AgentFailed",
    "AgentMismatch",
    "AgentUnreachable",
    "AlreadyTraced",
    "AmbiguousFile",
    "AnalysisUnavailable",
    "AttachError",
    "BootstrapFailed",
    "BootstrapSilent",
    "BreakpointError",
    "CodeRunning",
    "CodeTooLarge",
    "ConfigurationNotUsable",
    "CoverageError",
    "CoverageNotStarted",
    "CoverageRefused",
    "CoverageRunning",
    "DataFileNotWritable",
    "DebugBusy",
    "DebugClosed",
    "DebugError",
    "DebugRefused",
    "DebuggerClassNotUsable",
    "DebuggerUnavailable",
    "GilHeld",
    "InjectionError",
    "InterpreterNotReady",
    "KernelTooOld",
    "LogpointNotUsable",
    "MeasurementRejected",
    "MethodUnavailable",
    "NameNotUsable",
    "NoCodeAtLine",
    "NoEvaluationPoint",
    "NoSuchModule",
    "NoSuchProcess",
    "NoSuchThread",
    "NotAProcess",
    "NotAttached",
    "NotDumpable",
    "NotInterruptible",
    "NotPython",
    "NothingMeasured",
    "NothingStopped",
    "NothingToReport",
    "OptionNotUsable",
    "OtherProc",
    "OtherUser",
    "OutputNotWritable",
    "OwnFilter",
    "PermissionRefused",
    "PtraceCapabilityMissing",
    "PtraceScope",
    "PyrasiteFailed",
    "PyrasiteHangs",
    "ReportConfigNotUsable",
    "ReportError",
    "ResourceLimit",
    "RunError",
    "SavingUnavailable",
    "SeccompDenied",
    "SeccompFilter",
    "SeccompKills",
    "StoppedProcess",
    "TargetError",
    "TargetExited",
    "ThreadBlocked",
    "ThreadNotStopping",
    "TooManyNames",
    "TracerUnavailable",
    "UnknownFile",
    "UnknownFunction",
    "UnknownName",
    "UnsupportedMachine",
    "UnsupportedPython",
    "UnsupportedTarget",
    "ZombieProcess",
]
