using Xunit;

namespace InverseSolver.UnitTests.Cli.Convert;

/// <summary>
/// The checkpoints that compvis_write.py writes with PyTorch: each as torch.save has it, as a safetensors copy, and with what its networks compute.
/// </summary>
public sealed class CompVisCheckpoints : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("inverse-checkpoints-");

    public CompVisCheckpoints()
    {
        string script = Repository.File("tests", "InverseSolver.UnitTests", "Cli", "Convert", "compvis_write.py");
        (int exitCode, string output) = Repository.Run("/usr/bin/python3", [script, _folder.FullName], [("OMP_NUM_THREADS", "1")]);
        Assert.True(exitCode == 0, output);
    }

    /// <summary>A folder for packages.</summary>
    internal string NewFolder() => Directory.CreateDirectory(Path.Combine(_folder.FullName, Guid.NewGuid().ToString("N"))).FullName;

    internal string File(string name) => Path.Combine(_folder.FullName, name);

    public void Dispose() => _folder.Delete(recursive: true);
}
