using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace InverseSolver.Service.Jobs;

/// <summary>The storage and execution of jobs.</summary>
internal sealed class JobOptions
{
    /// <summary>The configuration section.</summary>
    public const string Section = "Jobs";

    /// <summary>Folder of the database and of all files; a relative one is relative to the working directory.</summary>
    [Required] public string DataFolder { get; init; } = "./data";

    /// <summary>Jobs that may wait; one more is refused with 429.</summary>
    [Range(1, 100_000)] public int QueueCapacity { get; init; } = 64;

    /// <summary>The time for which a running job belongs to its worker without a heartbeat.</summary>
    [Range(typeof(TimeSpan), "00:00:05", "01:00:00")] public TimeSpan Lease { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>The number of starts without progress after which a job is set aside.</summary>
    [Range(1, 100)] public int Attempts { get; init; } = 3;

    /// <summary>The time for which a final job and its results are kept, where it does not say itself.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "36500.00:00:00")] public TimeSpan KeepResults { get; init; } = TimeSpan.FromDays(30);

    /// <summary>The time for which the input files of a final job are kept.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "36500.00:00:00")] public TimeSpan KeepInputs { get; init; } = TimeSpan.FromDays(7);

    /// <summary>The most bytes of all final jobs together; beyond them the oldest are deleted. 0: no limit.</summary>
    [Range(0, long.MaxValue)] public long KeepBytes { get; init; }

    /// <summary>The space on the disk of the data folder below which the service warns, in bytes.</summary>
    [Range(0, long.MaxValue)] public long WarnFreeBytes { get; init; } = 1L << 30;

    /// <summary>The space on the disk of the data folder below which no job is accepted, in bytes.</summary>
    [Range(0, long.MaxValue)] public long RefuseFreeBytes { get; init; } = 256L << 20;

    /// <summary>The most memory of one job in bytes, by its estimate; a job above it is refused. 0: half of the machine's, or a container's.</summary>
    [Range(0, long.MaxValue)] public long MemoryBytes { get; init; }

    /// <summary>The time between two checkpoints of a running job. 0: after every step.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "01:00:00")] public TimeSpan CheckpointInterval { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// The time that running jobs have to reach their next step when the service ends; then they are stopped, and go on from their last checkpoint.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00", "01:00:00")] public TimeSpan DrainTime { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>The longest run of a job; then it fails, so that it does not occupy the worker for ever.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "100.00:00:00")] public TimeSpan TimeLimit { get; init; } = TimeSpan.FromDays(1);

    /// <summary>The most jobs that share network calls on one slot, of those that need not be reproducible. 1: none share.</summary>
    [Range(1, 256)] public int SharedJobs { get; init; } = 8;

    /// <summary>The most images in one shared call.</summary>
    [Range(1, 4096)] public int SharedItems { get; init; } = 32;

    /// <summary>The time that a network call waits for those of other jobs that are busy elsewhere.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "00:00:01")] public TimeSpan SharedWindow { get; init; } = TimeSpan.FromMilliseconds(5);

    /// <summary>True where the examples of Swagger UI are submitted at the first start, so that the ids that it shows exist.</summary>
    public bool Examples { get; init; }

    /// <summary>Nice value of the threads that solve: 0 none, 19 the most.</summary>
    [Range(0, 19)] public int Nice { get; init; } = 10;

    /// <summary>The least time between two previews.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "01:00:00")] public TimeSpan PreviewInterval { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>The least time between two stored progress reports.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "01:00:00")] public TimeSpan ProgressInterval { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Time between heartbeats in event streams.</summary>
    [Range(typeof(TimeSpan), "00:00:00.1", "00:10:00")] public TimeSpan EventHeartbeat { get; init; } = TimeSpan.FromSeconds(15);
}

/// <summary>Checks the job options at start-up.</summary>
[OptionsValidator]
internal sealed partial class JobOptionsValidator : IValidateOptions<JobOptions>;
