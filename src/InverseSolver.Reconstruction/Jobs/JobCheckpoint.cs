using System.Security.Cryptography;
using System.Text.Json;
using InverseSolver.Imaging;
using InverseSolver.Reconstruction.Solvers;

namespace InverseSolver.Reconstruction.Jobs;

/// <summary>A place where a run went on after an interruption.</summary>
/// <param name="Step">Steps of all its solvers that were done before.</param>
/// <param name="SameFingerprint">
/// True where the process before had the same fingerprint: the result then has the bits of an unbroken run; else it differs by rounding.
/// </param>
/// <param name="Fingerprint">The fingerprint of the process before, of one image.</param>
public sealed record Resumption(int Step, bool SameFingerprint, Fingerprint Fingerprint)
{
    /// <summary>Sentences for the reader of a result whose run was interrupted.</summary>
    internal static IReadOnlyList<string> Warnings(IReadOnlyList<Resumption> all) => all.All(one => one.SameFingerprint) ? []
        :
        [
            "The run was interrupted and went on with another device, number of threads or libtorch (resumptions in the report): "
                + "its bits are not those of an unbroken run.",
        ];
}

/// <summary>
/// The position of a job between two steps of its solvers. Saved and loaded, it lets the job go on where it was: with the bits of an unbroken run on the same
/// <see cref="Fingerprint"/>. Images of batches that are done are saved once, each in a file of its own.
/// </summary>
public sealed class JobCheckpoint : IDisposable
{
    // Changes with everything that a saved position means; JobReport.Version stands beside it.
    private const string Format = "InverseSolver checkpoint 1";

    private readonly Device _device;
    private readonly Func<string, byte[], string> _write;
    private readonly Func<string, byte[]> _read;
    private readonly Dictionary<string, (string File, string Hash)> _batches = [];
    private readonly List<RunPosition> _runs = [];
    private readonly List<Resumption> _resumptions = [];
    private readonly Action _betweenSteps;

    /// <summary>A job at its beginning.</summary>
    /// <param name="device">The device that it is solved on.</param>
    /// <param name="betweenSteps">Called on the solver's thread between two steps, where <see cref="Save"/> may be called. It may throw to end the run.</param>
    /// <param name="write">Stores a file of the checkpoint under a name of its own choice, which it returns.</param>
    /// <param name="read">Gives a file that was stored.</param>
    public JobCheckpoint(Device device, Action betweenSteps, Func<string, byte[], string> write, Func<string, byte[]> read) =>
        (_device, _betweenSteps, _write, _read) = (device, betweenSteps, write, read);

    /// <summary>Steps done, of all solvers of the job.</summary>
    public int Steps => _runs.Sum(run => run.Residuals.Count);

    /// <summary>The files that the position needs besides what <see cref="Save"/> gives.</summary>
    public IEnumerable<string> Files => _batches.Values.Select(batch => batch.File);

    /// <summary>The places where the job went on after an interruption, in their order.</summary>
    public IReadOnlyList<Resumption> Resumptions => _resumptions;

    /// <summary>Goes on from a saved position, before the job runs.</summary>
    /// <param name="saved">What <see cref="Save"/> gave.</param>
    /// <returns>False where another version of the program saved it: the job then runs from its beginning.</returns>
    /// <exception cref="InvalidDataException">It is no saved position, or a file of it is missing or changed.</exception>
    public bool Load(byte[] saved)
    {
        using var stream = new MemoryStream(saved);
        using var reader = new BinaryReader(stream);
        try
        {
            if (reader.ReadString() != Format || reader.ReadString() != JobReport.Version) return false;
            Fingerprint before = JsonSerializer.Deserialize<Fingerprint>(reader.ReadString())!;
            _resumptions.AddRange(JsonSerializer.Deserialize<Resumption[]>(reader.ReadString())!);
            for (int count = reader.ReadInt32(); _batches.Count < count;)
            {
                string name = reader.ReadString();
                _batches.Add(name, (reader.ReadString(), reader.ReadString()));
                ReadBatch(name);
            }

            for (int count = reader.ReadInt32(); _runs.Count < count;) _runs.Add(ReadRun(reader));
            _resumptions.Add(new Resumption(Steps, before == Fingerprint.Of(_device), before));
            return true;
        }
        catch (Exception error) when (error is IOException or ArgumentException or JsonException or FormatException or OverflowException)
        {
            throw new InvalidDataException("The checkpoint is damaged.", error);
        }
    }

    /// <summary>Saves the position, and first the images of batches that are not saved yet.</summary>
    public byte[] Save()
    {
        for (int run = 0; run < _runs.Count; run++)
        {
            foreach ((int batch, ArrayData images) in _runs[run].Unsaved)
            {
                (string name, byte[] bytes) = (NameOf(run, batch), Npy.Write(images));
                _batches[name] = (_write(name, bytes), HashOf(bytes));
            }

            _runs[run].Unsaved.Clear();
        }

        using var stream = new MemoryStream();
        using var writer = new BinaryWriter(stream);
        writer.Write(Format);
        writer.Write(JobReport.Version);
        writer.Write(JsonSerializer.Serialize(Fingerprint.Of(_device)));
        writer.Write(JsonSerializer.Serialize(_resumptions));
        writer.Write(_batches.Count);
        foreach ((string name, (string file, string hash)) in _batches)
        {
            writer.Write(name);
            writer.Write(file);
            writer.Write(hash);
        }

        writer.Write(_runs.Count);
        foreach (RunPosition run in _runs) WriteRun(writer, run);
        return stream.ToArray();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (RunPosition run in _runs) run.Dispose();
    }

    /// <summary>The position of one of the job's solvers.</summary>
    /// <param name="index">0 for the solver, then its baselines in their order.</param>
    internal RunPosition Run(int index)
    {
        if (index == _runs.Count) _runs.Add(New(index));
        return _runs[index];
    }

    private RunPosition New(int run) => new() { AfterStep = _betweenSteps, ReadBatch = batch => ReadBatch(NameOf(run, batch)) };

    private RunPosition ReadRun(BinaryReader reader)
    {
        RunPosition run = New(_runs.Count);
        (run.Batch, run.Done) = (reader.ReadInt32(), reader.ReadInt32());
        run.Before = JsonSerializer.Deserialize<CostReport>(reader.ReadString())!;
        for (int count = reader.ReadInt32(); run.Residuals.Count < count;)
        {
            run.Residuals.Add(reader.ReadDouble() is var residual && double.IsNaN(residual) ? null : residual);
        }

        run.State = reader.ReadBoolean() ? SolverState.Read(reader, _device) : null;
        return run;
    }

    private static void WriteRun(BinaryWriter writer, RunPosition run)
    {
        writer.Write(run.Batch);
        writer.Write(run.Done);
        writer.Write(JsonSerializer.Serialize(run.Cost));
        writer.Write(run.Residuals.Count);
        foreach (double? residual in run.Residuals) writer.Write(residual ?? double.NaN);
        writer.Write(run.State is not null);
        run.State?.Write(writer);
    }

    private ArrayData ReadBatch(string name)
    {
        (string file, string hash) = _batches[name];
        byte[] bytes = _read(file);
        return HashOf(bytes) == hash ? Npy.Read(bytes, long.MaxValue / 16) : throw new InvalidDataException("A file of the checkpoint is damaged.");
    }

    private static string NameOf(int run, int batch) => $"solver{run}-batch{batch}.npy";

    private static string HashOf(byte[] bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes));
}
