using InverseSolver.Service.Jobs;
using Microsoft.Extensions.Options;
using Microsoft.Win32.SafeHandles;

namespace InverseSolver.Service.Storage;

/// <summary>
/// Files of jobs: inputs under {id}/input, artefacts under {id}/{epoch}, checkpoints under {id}/checkpoint. A file appears complete or not at all, and is never changed. Ids and names come from
/// the service, never from a caller.
/// </summary>
internal sealed class JobFolder(IOptions<JobOptions> options)
{
    private readonly string _root = Path.Combine(Path.GetFullPath(options.Value.DataFolder), "artefacts");

    /// <summary>Stores the input files of a job.</summary>
    public void WriteInputs(string id, IReadOnlyDictionary<string, byte[]> files)
    {
        foreach ((string name, byte[] bytes) in files)
        {
            Write(Path.Combine(_root, id, "input"), name, bytes);
        }
    }

    /// <summary>Reads an input file of a job.</summary>
    public byte[] ReadInput(string id, string name) => File.ReadAllBytes(Path.Combine(_root, id, "input", name));

    /// <summary>Stores an artefact.</summary>
    public void WriteArtefact(string id, long epoch, string name, byte[] bytes) => Write(Path.Combine(_root, id, $"{epoch}"), name, bytes);

    /// <summary>The path of an artefact.</summary>
    public string PathOf(string id, long epoch, string name) => Path.Combine(_root, id, $"{epoch}", name);

    /// <summary>Stores a file of a checkpoint.</summary>
    public void WriteCheckpoint(string id, string name, byte[] bytes) => Write(CheckpointFolder(id), name, bytes);

    /// <summary>Reads a file of a checkpoint.</summary>
    public byte[] ReadCheckpoint(string id, string name) => File.ReadAllBytes(Path.Combine(CheckpointFolder(id), name));

    /// <summary>Removes the checkpoint files of a job that are no longer needed.</summary>
    /// <param name="id">The job.</param>
    /// <param name="keep">The names of the files that stay.</param>
    public void DeleteCheckpoints(string id, params IReadOnlyCollection<string> keep)
    {
        string folder = CheckpointFolder(id);
        try
        {
            if (keep.Count == 0)
            {
                Directory.Delete(folder, recursive: true);
                return;
            }

            foreach (string path in Directory.GetFiles(folder))
            {
                if (!keep.Contains(Path.GetFileName(path))) File.Delete(path);
            }
        }
        catch (DirectoryNotFoundException)
        {
            // There is none, or the job was deleted meanwhile.
        }
    }

    /// <summary>Removes the artefacts of a job in some of its epochs.</summary>
    /// <param name="id">The job.</param>
    /// <param name="which">The epochs.</param>
    public void DeleteEpochs(string id, Predicate<long> which)
    {
        string folder = Path.Combine(_root, id);
        if (!Directory.Exists(folder))
        {
            return;
        }

        try
        {
            foreach (string path in Directory.GetDirectories(folder))
            {
                if (long.TryParse(Path.GetFileName(path), out long epoch) && which(epoch))
                {
                    Directory.Delete(path, recursive: true);
                }
            }
        }
        catch (DirectoryNotFoundException)
        {
            // The job was deleted meanwhile.
        }
    }

    /// <summary>Removes all of a job's files.</summary>
    public void Delete(string id)
    {
        string folder = Path.Combine(_root, id);
        if (Directory.Exists(folder))
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>Removes the files of jobs that are not stored: of submissions and deletions that a crash interrupted.</summary>
    public void Sweep(IReadOnlySet<string> ids)
    {
        if (!Directory.Exists(_root))
        {
            return;
        }

        foreach (string folder in Directory.GetDirectories(_root))
        {
            string id = Path.GetFileName(folder);
            if (Guid.TryParseExact(id, "D", out _) && !ids.Contains(id))
            {
                Directory.Delete(folder, recursive: true);
            }
        }
    }

    private string CheckpointFolder(string id) => Path.Combine(_root, id, "checkpoint");

    private void Write(string folder, string name, byte[] bytes)
    {
        Directory.CreateDirectory(folder);
        string temporary = Path.Combine(folder, $".{name}.{Guid.NewGuid():N}");
        using (SafeFileHandle file = File.OpenHandle(temporary, FileMode.CreateNew, FileAccess.Write, preallocationSize: bytes.Length))
        {
            RandomAccess.Write(file, bytes, 0);
            RandomAccess.FlushToDisk(file);
        }

        File.Move(temporary, Path.Combine(folder, name), overwrite: true);
        // The file's name is in its folder, whose name is in the folder above, and so on up to a folder that existed before.
        FolderFlush.ToDisk(folder);
        FolderFlush.ToDisk(Path.GetDirectoryName(folder)!);
        FolderFlush.ToDisk(_root);
    }
}
