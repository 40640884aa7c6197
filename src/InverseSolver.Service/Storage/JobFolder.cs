using System.Security.Cryptography;
using System.Text.Json;
using InverseSolver.Service.Jobs;
using Microsoft.Extensions.Options;

namespace InverseSolver.Service.Storage;

/// <summary>
/// Files of jobs under artefacts/{id}: the submission in job.json, inputs in input/, artefacts in {epoch}/, checkpoints in checkpoint/, and in end.json the end
/// of a job that did not succeed. A file appears complete or not at all, and is never changed. Ids and names come from the service, never from a caller. Only
/// the service's user may read them.
/// </summary>
/// <param name="options">The data folder.</param>
/// <param name="root">The name of the folder in it that has a folder for each job.</param>
internal sealed class JobFolder(IOptions<JobOptions> options, string root = JobFolder.Artefacts)
{
    private const string Artefacts = "artefacts", SetAside = "quarantine";

    /// <summary>The folders of the data folder that have folders of jobs.</summary>
    public static readonly IReadOnlyList<string> Roots = [Artefacts, SetAside];

    private const UnixFileMode OwnerFile = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    private const int IdLength = 36;

    private const UnixFileMode OwnerFolder = OwnerFile | UnixFileMode.UserExecute;

    private const string Record = "job.json", End = "end.json";

    private readonly string _root = Path.Combine(Path.GetFullPath(options.Value.DataFolder), root);

    private readonly string _quarantine = Path.Combine(Path.GetFullPath(options.Value.DataFolder), SetAside);

    private readonly Lock _ending = new();

    /// <summary>Creates a folder for the service's user alone, unless it exists.</summary>
    public static void Create(string folder)
    {
        if (OperatingSystem.IsWindows()) Directory.CreateDirectory(folder);
        else Directory.CreateDirectory(folder, OwnerFolder);
    }

    /// <summary>The options of a new file for the service's user alone.</summary>
    /// <remarks>Its size is not allocated at once: .NET's error of a disk that is full then has no number by which it could be told from others.</remarks>
    public static FileStreamOptions NewFile()
    {
        var file = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, Share = FileShare.None };
        if (!OperatingSystem.IsWindows()) file.UnixCreateMode = OwnerFile;
        return file;
    }

    /// <summary>The SHA-256 of a file in lower-case hexadecimals; null where it does not exist.</summary>
    public static string? HashOf(string path)
    {
        try
        {
            using FileStream file = File.OpenRead(path);
            return Convert.ToHexStringLower(SHA256.HashData(file));
        }
        catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    }

    /// <summary>Stores a submission: its files, and the row that it is to have, from which the job can be adopted should the database be lost.</summary>
    public void WriteInputs(NewJob job, IReadOnlyDictionary<string, byte[]> files)
    {
        foreach ((string name, byte[] bytes) in files) Write(InputFolder(job.Id), name, bytes);
        Write(Path.Combine(_root, job.Id), Record, JsonSerializer.SerializeToUtf8Bytes(job));
    }

    /// <summary>Reads the submission of a job; null where it is missing or damaged.</summary>
    public NewJob? ReadSubmission(string id) => ReadRecord<NewJob>(id, Record);

    /// <summary>Stores how jobs ended that did not succeed, so that their files alone tell it, unless that is stored.</summary>
    /// <remarks>A job that is deleted meanwhile stays deleted. Where the disk is full, the next start of the service stores it.</remarks>
    public void WriteEnds(IEnumerable<JobEnd> ends)
    {
        foreach (JobEnd end in ends.Where(end => IsId(end.Id)))
        {
            string folder = Path.Combine(_root, end.Id), file = Path.Combine(folder, End);
            byte[] bytes = JsonSerializer.SerializeToUtf8Bytes(end);
            lock (_ending)
            {
                try
                {
                    if (Directory.Exists(folder) && !(File.Exists(file) && File.ReadAllBytes(file).AsSpan().SequenceEqual(bytes))) Write(folder, End, bytes);
                }
                catch (Exception error) when (error is IOException or UnauthorizedAccessException)
                {
                    // The job has ended all the same.
                }
            }
        }
    }

    /// <summary>True where a job's files tell that it ended and did not succeed.</summary>
    public bool HasEnd(string id) => File.Exists(Path.Combine(_root, id, End));

    /// <summary>Reads how a job ended that did not succeed; null where that is missing or damaged.</summary>
    public JobEnd? ReadEnd(string id) => ReadRecord<JobEnd>(id, End);

    /// <summary>Reads an input file of a job.</summary>
    public byte[] ReadInput(string id, string name) => File.ReadAllBytes(InputPath(id, name));

    /// <summary>True where a job has a folder of input files.</summary>
    public bool HasInputs(string id) => Directory.Exists(InputFolder(id));

    /// <summary>Removes the input files of a job.</summary>
    /// <returns>Their bytes.</returns>
    public long DeleteInputs(string id)
    {
        var inputs = new DirectoryInfo(InputFolder(id));
        long bytes = inputs.Exists ? inputs.EnumerateFiles().Sum(file => file.Length) : 0;
        Delete(() => inputs.Delete(recursive: true));
        return bytes;
    }

    /// <summary>Stores an artefact.</summary>
    public void WriteArtefact(string id, long epoch, string name, byte[] bytes) => Write(Path.Combine(_root, id, $"{epoch}"), name, bytes);

    /// <summary>The path of an artefact.</summary>
    public string PathOf(string id, long epoch, string name) => Path.Combine(_root, id, $"{epoch}", name);

    /// <summary>The epochs of which a job has artefacts, the newest first.</summary>
    public IReadOnlyList<long> Epochs(string id) =>
    [
        .. Directory.GetDirectories(Path.Combine(_root, id)).Select(path => long.TryParse(Path.GetFileName(path), out long epoch) ? epoch : -1)
            .Where(epoch => epoch >= 0).OrderDescending(),
    ];

    /// <summary>Stores a file of a checkpoint.</summary>
    public void WriteCheckpoint(string id, string name, byte[] bytes) => Write(CheckpointFolder(id), name, bytes);

    /// <summary>Reads a file of a checkpoint.</summary>
    public byte[] ReadCheckpoint(string id, string name) => File.ReadAllBytes(Path.Combine(CheckpointFolder(id), name));

    /// <summary>Removes the checkpoint files of a job that are no longer needed.</summary>
    /// <param name="id">The job.</param>
    /// <param name="keep">The names of the files that stay.</param>
    public void DeleteCheckpoints(string id, params IReadOnlyCollection<string> keep) => Delete(() =>
    {
        string folder = CheckpointFolder(id);
        if (keep.Count == 0)
        {
            Directory.Delete(folder, recursive: true);
            return;
        }

        foreach (string path in Directory.GetFiles(folder))
        {
            if (!keep.Contains(Path.GetFileName(path))) File.Delete(path);
        }
    });

    /// <summary>Removes the artefacts of a job in some of its epochs.</summary>
    /// <param name="id">The job.</param>
    /// <param name="which">The epochs.</param>
    public void DeleteEpochs(string id, Predicate<long> which) => Delete(() =>
    {
        foreach (long epoch in Epochs(id))
        {
            if (which(epoch)) Directory.Delete(Path.Combine(_root, id, $"{epoch}"), recursive: true);
        }
    });

    /// <summary>Removes all of a job's files.</summary>
    public void Delete(string id)
    {
        lock (_ending) Delete(() => Directory.Delete(Path.Combine(_root, id), recursive: true));
    }

    /// <summary>
    /// Moves the files of jobs that are not stored into the quarantine, as of a database that was lost. Those of a submission that ended before its record was
    /// written, which nobody was told of and nobody can adopt, are deleted.
    /// </summary>
    /// <param name="ids">The jobs that are stored.</param>
    /// <returns>The ids of those that were moved.</returns>
    public IReadOnlyList<string> Quarantine(IReadOnlySet<string> ids)
    {
        string[] strangers = [.. Ids(_root).Where(id => !ids.Contains(id))];
        foreach (string id in strangers.Where(IsUnfinished)) Delete(id);
        strangers = [.. strangers.Where(id => Directory.Exists(Path.Combine(_root, id)))];
        foreach (string id in strangers)
        {
            Create(_quarantine);
            string target = Path.Combine(_quarantine, id);
            Directory.Move(Path.Combine(_root, id), Directory.Exists(target) ? $"{target}.{Guid.NewGuid():N}" : target);
        }

        return strangers;
    }

    private bool IsUnfinished(string id) => !Path.Exists(Path.Combine(_root, id, Record)) && !HasEnd(id) && Epochs(id) is [];

    /// <summary>The names of the folders in the quarantine: the id of a job each, and a number behind a dot where that id is there already.</summary>
    public IReadOnlyList<string> Quarantined() => [.. Names(_quarantine).Where(IsNameInQuarantine).Order(StringComparer.Ordinal)];

    /// <summary>The id of the job whose files are in a folder of the quarantine.</summary>
    public static string IdOf(string name) => name[..IdLength];

    /// <summary>The folders of the quarantine, by their names instead of ids.</summary>
    public JobFolder InQuarantine() => new(options, SetAside);

    /// <summary>Moves the files of a job out of the quarantine.</summary>
    /// <param name="name">The name of their folder there.</param>
    /// <returns>False where a job of this id has files.</returns>
    public bool Readmit(string name)
    {
        string target = Path.Combine(_root, IdOf(name));
        if (Directory.Exists(target)) return false;
        Create(_root);
        Directory.Move(Path.Combine(_quarantine, name), target);
        return true;
    }

    /// <summary>Moves the files of a job back into the quarantine.</summary>
    /// <param name="name">The name of their folder there.</param>
    public void Reject(string name) => Directory.Move(Path.Combine(_root, IdOf(name)), Path.Combine(_quarantine, name));

    /// <summary>True for what can be the id of a job, and so the name of its folder.</summary>
    public static bool IsId(string text) => Guid.TryParseExact(text, "D", out _);

    /// <summary>The ids of the jobs that have files.</summary>
    public IReadOnlyList<string> Ids() => [.. Ids(_root)];

    private static IEnumerable<string> Ids(string folder) => Names(folder).Where(IsId);

    private static IEnumerable<string> Names(string folder) =>
        !Directory.Exists(folder) ? [] : Directory.GetDirectories(folder).Select(path => Path.GetFileName(path));

    private static bool IsNameInQuarantine(string name) => name.Length >= IdLength && IsId(IdOf(name))
        && (name.Length == IdLength || (name[IdLength] == '.' && Guid.TryParseExact(name[(IdLength + 1)..], "N", out _)));

    private T? ReadRecord<T>(string id, string name) where T : class
    {
        try
        {
            return JsonSerializer.Deserialize<T>(File.ReadAllBytes(Path.Combine(_root, id, name)));
        }
        catch (Exception error) when (error is FileNotFoundException or JsonException)
        {
            return null;
        }
    }

    private static void Delete(Action delete)
    {
        try
        {
            delete();
        }
        catch (DirectoryNotFoundException)
        {
            // There is nothing to delete, or the job was deleted meanwhile.
        }
    }

    /// <summary>The path of an input file.</summary>
    public string InputPath(string id, string name) => Path.Combine(InputFolder(id), name);

    private string InputFolder(string id) => Path.Combine(_root, id, "input");

    private string CheckpointFolder(string id) => Path.Combine(_root, id, "checkpoint");

    private void Write(string folder, string name, byte[] bytes)
    {
        Create(_root);
        Create(Path.GetDirectoryName(folder)!);
        Create(folder);
        string temporary = Path.Combine(folder, $".{name}.{Guid.NewGuid():N}");
        try
        {
            using (var file = new FileStream(temporary, NewFile()))
            {
                file.Write(bytes);
                file.Flush(flushToDisk: true);
            }

            File.Move(temporary, Path.Combine(folder, name), overwrite: true);
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }

        // The file's name is in its folder, whose name is in the folder above, and so on up to a folder that existed before.
        FolderFlush.ToDisk(folder);
        FolderFlush.ToDisk(Path.GetDirectoryName(folder)!);
        FolderFlush.ToDisk(_root);
    }
}
