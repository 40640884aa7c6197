using InverseSolver.Service.Jobs;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Options;

namespace InverseSolver.Service.Storage;

/// <summary>The space left on the disk of the data folder, and a reserve with which the database can still delete once it is full.</summary>
internal sealed class DiskSpace(IOptions<JobOptions> options)
{
    // The system's errors of a full disk and of a quota that is used up.
    private const int NoSpace = 28, OverQuota = 122;

    // SQLITE_FULL
    private const int Full = 13;

    private const int ReserveBytes = 2 << 20;

    private readonly string _folder = Path.GetFullPath(options.Value.DataFolder);

    private readonly Lock _reserving = new();

    /// <summary>Bytes that are left.</summary>
    public long Free => new DriveInfo(_folder).AvailableFreeSpace;

    /// <summary>True where so little is left that the operator should know.</summary>
    public bool IsLow => Free < options.Value.WarnFreeBytes;

    /// <summary>True where so little is left that no job is accepted.</summary>
    public bool IsShort => Free < options.Value.RefuseFreeBytes;

    /// <summary>True where a job may be started: of the space that submissions leave, half is for the files of running jobs.</summary>
    public bool AllowsWork => Free >= options.Value.RefuseFreeBytes / 2;

    /// <summary>True for the error of a disk that is full.</summary>
    public static bool IsFull(Exception error) => error is IOException { HResult: NoSpace or OverQuota } or SqliteException { SqliteErrorCode: Full };

    /// <summary>Refuses a submission that would leave too little.</summary>
    /// <param name="bytes">The bytes that it would take.</param>
    public void CheckRoom(long bytes)
    {
        if (Free - bytes < options.Value.RefuseFreeBytes)
        {
            throw new RequestException(
                StatusCodes.Status507InsufficientStorage, "insufficientStorage", null,
                "The disk of the service is nearly full, so no job is accepted: delete jobs that are no longer needed, or try again later.")
            {
                RetryAfter = TimeSpan.FromMinutes(1),
            };
        }
    }

    /// <summary>Takes the reserve, unless it exists or the disk is nearly full.</summary>
    public void TakeReserve()
    {
        lock (_reserving)
        {
            if (File.Exists(Reserve) || IsShort) return;
            using var file = new FileStream(Reserve, JobFolder.NewFile());
            file.Write(new byte[ReserveBytes]);
        }
    }

    /// <summary>Gives the reserve back to the disk.</summary>
    /// <returns>True where there was one.</returns>
    public bool SpendReserve()
    {
        lock (_reserving)
        {
            if (!File.Exists(Reserve)) return false;
            File.Delete(Reserve);
            return true;
        }
    }

    private string Reserve => Path.Combine(_folder, "reserve");
}
