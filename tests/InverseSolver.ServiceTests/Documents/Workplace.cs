using System.Diagnostics;
using InverseSolver.Imaging;
using InverseSolver.UnitTests.Diffusion;

namespace InverseSolver.ServiceTests.Documents;

/// <summary>A running service, and folders that look like the repository's root, with the programs on the path and the files that documents name.</summary>
public sealed class Workplace : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("inverse-documents-");
    private readonly string _root, _models;
    private readonly ServiceProcess _service;

    public Workplace()
    {
        _root = _folder.CreateSubdirectory("root").FullName;
        _models = _folder.CreateSubdirectory("models").FullName;
        _service = new ServiceProcess(_folder.CreateSubdirectory("data").FullName, settings: [("OMP_NUM_THREADS", "1"), ("Access__Keys", "true")]);
        Link();
        Images();
        Scans();
        Models();
    }

    internal async Task<string> AddressAsync()
    {
        using HttpClient client = await _service.ClientAsync();
        return client.BaseAddress!.GetLeftPart(UriPartial.Authority);
    }

    /// <summary>A folder like the repository's root for one document, all of whose files are its own to replace.</summary>
    internal string NewRoot(string name)
    {
        string copy = Path.Combine(_folder.FullName, name.Replace('/', '-'));
        Run("cp", "-a", _root, copy);
        Run("cp", "-al", _models, Path.Combine(copy, "models"));
        File.CreateSymbolicLink(Path.Combine(copy, "model.ckpt"), Path.Combine(_folder.FullName, "vq4.ckpt"));
        return copy;
    }

    /// <summary>Runs a script to its end, at most five minutes; both streams in their order.</summary>
    internal async Task<string> RunScriptAsync(string root, string script, CancellationToken cancellation)
    {
        string file = Path.Combine(root, "bin", "document.sh");
        await File.WriteAllTextAsync(file, script, cancellation);
        var start = new ProcessStartInfo("bash", [file]) { RedirectStandardOutput = true, RedirectStandardInput = true, WorkingDirectory = root };
        start.Environment["PATH"] = $"{Path.Combine(root, "bin")}:{Environment.GetEnvironmentVariable("PATH")}";
        start.Environment["PYTHONPATH"] = Path.Combine(root, "site");
        // The service asks for a key, which every client of the documents can send.
        start.Environment["INVERSESOLVER_KEY"] = (await File.ReadAllTextAsync(Path.Combine(_folder.FullName, "data", "first-key"), cancellation)).Trim();
        // One thread, no files beside sources, no process that outlives its command.
        string[] switches = ["OMP_NUM_THREADS", "PYTHONDONTWRITEBYTECODE", "MSBUILDDISABLENODEREUSE", "DOTNET_NOLOGO", "DOTNET_CLI_TELEMETRY_OPTOUT"];
        foreach (string name in switches) start.Environment[name] = "1";
        start.Environment["UseSharedCompilation"] = "false";

        // What `make test` sets for these tests is not the documents' business.
        foreach (string name in (string[])["CONFIGURATION", "MAKEFLAGS", "MAKELEVEL"]) start.Environment.Remove(name);
        using Process process = Process.Start(start)!;
        process.StandardInput.Close();
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(TimeSpan.FromMinutes(5));
        Task<string> output = process.StandardOutput.ReadToEndAsync(CancellationToken.None);
        try
        {
            await process.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
        }

        return await output;
    }

    public void Dispose()
    {
        _service.Dispose();
        _folder.Delete(recursive: true);
    }

    private static void Run(string program, params string[] arguments)
    {
        (int exitCode, string output) = Repository.Run(program, arguments, [("OMP_NUM_THREADS", "1")]);
        Assert.True(exitCode == 0, output);
    }

    private string At(string name) => In(_root, name);

    private static string In(string folder, string name)
    {
        string path = Path.Combine(folder, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        return path;
    }

    // Documents write into copies; what is only read or run is a link.
    private void Link()
    {
        foreach (string entry in Directory.EnumerateFileSystemEntries(Repository.Root))
        {
            if (Path.GetFileName(entry) is var name && name is not ("src" or "docs" or "scripts" or "models" or ".git" or "out" or "artifacts"))
            {
                File.CreateSymbolicLink(At(name), entry);
            }
        }

        foreach (string entry in Directory.EnumerateFileSystemEntries(Repository.File("src")))
        {
            if (Path.GetFileName(entry) is not "clients" and var name) File.CreateSymbolicLink(At($"src/{name}"), entry);
        }

        Run("cp", "-r", Repository.File("src", "clients"), At("src/clients"));
        Run("cp", "-r", Repository.File("docs"), At("docs"));
        Run("cp", "-r", Repository.File("scripts"), At("scripts"));
        string inverse = Repository.File("src", "InverseSolver.Cli", "bin", Repository.Configuration, "net10.0", "inverse");
        Assert.True(File.Exists(inverse), $"{inverse} is not built: build InverseSolver.sln.");
        File.CreateSymbolicLink(At("bin/inverse"), inverse);
        File.CreateSymbolicLink(At("bin/python3"), "/usr/bin/python3");
    }

    private void Images()
    {
        File.WriteAllBytes(At("images/slice.png"), Requests.Png(32));
        var random = new Random(1);
        float[] noise = [.. Enumerable.Range(0, 3 * 32 * 32).Select(_ => random.NextSingle())];
        File.WriteAllBytes(At("photo.png"), ImageFile.WritePng(new Image(3, 32, 32, noise), 8));
        File.WriteAllBytes(At("y.npy"), Npy.Write(new ArrayData([1, 32, 32], noise[..(32 * 32)])));
        File.WriteAllText(
            At("fast.rows.json"),
            """
            [{"model": "m", "image": "slice.png", "problem": "randomInpainting", "solver": "reSample", "preset": "fast", "settings": "", "sigma": 0.01,
            "seed": 0, "psnrDb": 27, "ssim": 0.8, "nmse": 0.1, "ratio": 1, "priorShare": 0.1, "networkCalls": 1, "decoderGradients": 0, "seconds": 1}]
            """);
        foreach (string name in (string[])["data", "logs", "stopped", "work", "out"]) Directory.CreateDirectory(At(name));
    }

    private void Scans()
    {
        string fixtures = Repository.File("tests", "InverseSolver.ImagingTests", "fixtures");

        // The folder of a service that has run: with its database and the key of its audit trail.
        Run(At("bin/inverse"), "store", "check", "--data", At("stopped"));
        Run("ismrmrd_generate_cartesian_shepp_logan", "-m", "32", "-c", "4", "-o", At("scan.h5"));
        Run("dump2dcm", "--quiet", Path.Combine(fixtures, "dicom", "mr-unsigned.dump"), At("slice.dcm"));
        File.Copy(Path.Combine(fixtures, "kspace.npy"), At("slice.npy"));
        foreach (string name in (string[])["kspace", "maps"])
        {
            Run(At("bin/inverse"), "convert", Path.Combine(fixtures, name + ".npy"), At(name + ".cfl"));
        }
    }

    private void Models()
    {
        Run("cp", "-r", Repository.File("models", "brain-mri-128"), In(_models, "brain-mri-128"));
        using (var package = new StableDiffusionPackage()) Run("cp", "-r", package.Folder, In(_models, "my-model"));
        string pixels = PixelPackage.Create(1, 1);
        Run("mv", pixels, In(_models, "pixels"));
        Directory.CreateDirectory(In(_models, "early"));
        foreach (string file in Directory.EnumerateFiles(In(_models, "pixels"), "*", SearchOption.AllDirectories))
        {
            File.Copy(file, In(_models, "early/" + Path.GetFileName(file)));
        }

        string backends = Repository.File("tests", "InverseSolver.UnitTests", "Diffusion", "fixtures", "backends");
        foreach ((string format, string name) in ((string, string)[])[("torchscript", "traced"), ("onnx", "my-onnx")])
        {
            foreach (string part in (string[])["unet", "vae_encoder", "vae_decoder"]) Directory.CreateDirectory(In(_models, $"{name}/{part}"));
            Run("cp", "-r", Path.Combine(backends, format, "scheduler"), In(_models, $"{name}/scheduler"));
        }

        Run("/usr/bin/python3", Repository.File("tests", "InverseSolver.UnitTests", "Cli", "Convert", "compvis_write.py"), _folder.FullName, "vq4");
    }
}
