using System.Diagnostics;
using System.Globalization;
using InverseSolver.Cli.Bench;
using InverseSolver.Diffusion;
using InverseSolver.Diffusion.Batching;
using InverseSolver.Diffusion.Packages;
using InverseSolver.Reconstruction;
using InverseSolver.Reconstruction.Problems;
using InverseSolver.Reconstruction.Solvers;

namespace InverseSolver.Cli.GpuCheck;

/// <summary>The stages of <c>inverse gpu-check</c>: each writes a table and tells whether all of it holds.</summary>
/// <param name="modelFolder">The model's package; its golden.safetensors has the image that jobs reconstruct.</param>
/// <param name="networkFolders">Networks with references of their own.</param>
/// <param name="device">Where to compute.</param>
/// <param name="line">Takes a line of the report.</param>
internal sealed class GpuCheckStages(string modelFolder, string[] networkFolders, Device device, Action<string> line)
{
    private const double Sigma = 0.01;

    // A whole job adds up rounding over all its steps: root mean square on [0,1] between two devices, or alone and together.
    private const double JobTolerance = 5e-3;

    private bool Cuda => device.type == DeviceType.CUDA;

    /// <summary>Networks against their references, and a whole job against the CPU's, with TF32 off.</summary>
    internal bool Parity()
    {
        line("| what | largest relative error | |");
        line("|---|---:|---|");
        bool passed = true;
        foreach (string folder in networkFolders.Append(modelFolder))
        {
            IReadOnlyList<GoldenResult> results = GoldenCheck.Run(folder, device);
            if (results.Count == 0)
            {
                throw new CommandException($"{folder} holds no golden.safetensors to compare with.");
            }

            bool ok = results.All(result => result.Passes());
            passed &= ok;
            line(string.Create(
                CultureInfo.InvariantCulture,
                $"| {Path.GetFileName(folder)} | {results.Max(result => result.RelativeError):E1} | {Verdict(ok)} |"));
        }

        if (Cuda)
        {
            foreach (string type in (string[])["reSample", "diffPir", "redDiff"])
            {
                double rms = Rms(Run(device, type).Image, Run(torch.CPU, type).Image);
                passed &= rms <= JobTolerance;
                line(string.Create(
                    CultureInfo.InvariantCulture,
                    $"| job {type} against the CPU, root mean square on [0,1] | {rms:E1} | {Verdict(rms <= JobTolerance)} |"));
            }
        }

        return passed;
    }

    /// <summary>Two runs from one seed give the same bits.</summary>
    internal bool Determinism()
    {
        line("| solver, preset `fast` | two runs from one seed |");
        line("|---|---|");
        using LatentModel model = ModelPackage.Load(modelFolder, device);
        bool passed = true;
        foreach (string type in (string[])["reSample", "dcdp", "diffPir", "redDiff", "psld"])
        {
            bool same = Run(model, type).Image.Values.AsSpan().SequenceEqual(Run(model, type).Image.Values);
            passed &= same;
            line($"| {type} | {(same ? "the same bits" : "FAILED: they differ")} |");
        }

        return passed;
    }

    /// <summary>A job that is cancelled stops within two network calls' time and leaves nothing in memory.</summary>
    internal bool Cancel()
    {
        using LatentModel model = ModelPackage.Load(modelFolder, device);
        double call = NetworkTimes.Of(model, 2, 5) is var times ? Math.Max(times.NetworkMs, times.GradientMs ?? 0) : 0;
        long tensors = Tensor.TotalCount;
        using var cancel = new CancellationTokenSource();
        long asked = 0;
        bool stopped = false;
        try
        {
            Reconstructor.Run(model, Request(model, "redDiff"), progress =>
            {
                if (progress.Step == 3)
                {
                    asked = Stopwatch.GetTimestamp();
                    cancel.Cancel();
                }
            }, cancel.Token);
        }
        catch (OperationCanceledException)
        {
            stopped = true;
        }

        double ms = Stopwatch.GetElapsedTime(asked).TotalMilliseconds;
        bool passed = stopped && ms <= 100 + 2 * call && Tensor.TotalCount == tensors;
        line(string.Create(
            CultureInfo.InvariantCulture,
            $"Stopped {ms:F0} ms after it was asked to (two network calls: {2 * call:F0} ms); {Tensor.TotalCount - tensors} tensors left."));
        return passed;
    }

    /// <summary>Measures the host memory that jobs take, and checks that they leave no tensors.</summary>
    internal bool Memory()
    {
        line("| | MiB |");
        line("|---|---:|");
        using LatentModel model = ModelPackage.Load(modelFolder, device);
        long tensors = Tensor.TotalCount;
        line(Row("weights", model.WeightBytes));
        foreach (string type in (string[])["reSample", "redDiff", "psld"])
        {
            Run(model, type);
            line(Row($"the process's peak after a job {type}, `fast`", Process.GetCurrentProcess().PeakWorkingSet64));
        }

        line($"\n{Tensor.TotalCount - tensors} tensors left. TorchSharp says nothing about a GPU's memory: `nvidia-smi` does.");
        return Tensor.TotalCount == tensors;
    }

    /// <summary>Jobs that share their network calls: results against lone runs, and how long all take.</summary>
    internal bool Sharing()
    {
        line($"Jobs of {(Cuda ? "redDiff" : "diffPir")}, preset `fast`.\n");
        line("| jobs at once | s, one after the other | s, shared calls | gain | mean batch | largest root mean square difference |");
        line("|---:|---:|---:|---:|---:|---:|");
        using LatentModel model = ModelPackage.Load(modelFolder, device);
        bool passed = true;
        string solver = Cuda ? "redDiff" : "diffPir";
        Run(model, solver);
        for (int jobs = 1; jobs <= (Cuda ? 16 : 4); jobs *= 2)
        {
            ReconstructionRequest[] requests = [.. Enumerable.Range(0, jobs).Select(seed => Request(model, solver, seed))];
            var watch = Stopwatch.StartNew();
            ArrayData[] alone = [.. requests.Select(request => Reconstructor.Run(model, request, null, CancellationToken.None).Image)];
            double lone = watch.Elapsed.TotalSeconds;
            using var calls = new SharedCalls(model, TimeSpan.FromMilliseconds(5), 64);
            watch.Restart();
            ArrayData[] together = Together(calls, requests);
            double shared = watch.Elapsed.TotalSeconds, rms = alone.Zip(together).Max(pair => Rms(pair.First, pair.Second));
            passed &= rms <= JobTolerance;
            line(string.Create(
                CultureInfo.InvariantCulture,
                $"| {jobs} | {lone:F2} | {shared:F2} | {lone / shared:F2} | {calls.Items / (double)calls.Batches:F1} | {rms:E1} |"));
        }

        return passed;
    }

    /// <summary>Denoisers of other precisions: time, and what they do to a job.</summary>
    internal bool Precision()
    {
        line("| denoiser | UNet ms, batch 8 | job reSample `balanced`: PSNR dB | s | difference to float32, root mean square |");
        line("|---|---:|---:|---:|---:|");
        (string Name, ModelOptions Options, bool Tf32)[] kinds = Cuda
            ? [
                ("float32", new ModelOptions(), false),
                ("float32, channels last", new ModelOptions { ChannelsLast = true }, false),
                ("float32, TF32", new ModelOptions(), true),
                ("float16", new ModelOptions { DenoiserType = ScalarType.Float16 }, false),
                ("float16, channels last", new ModelOptions { DenoiserType = ScalarType.Float16, ChannelsLast = true }, false),
                ("bfloat16", new ModelOptions { DenoiserType = ScalarType.BFloat16 }, false),
                ("bfloat16, channels last", new ModelOptions { DenoiserType = ScalarType.BFloat16, ChannelsLast = true }, false),
            ]
            : [("float32", new ModelOptions(), false), ("float32, channels last", new ModelOptions { ChannelsLast = true }, false)];
        ArrayData? reference = null;
        double best = 0, worst = double.PositiveInfinity;
        foreach ((string name, ModelOptions options, bool tf32) in kinds)
        {
            Backend.AllowTf32 = tf32;
            using LatentModel model = ModelPackage.Load(modelFolder, device, options);
            double ms = NetworkTimes.Of(model, 8, Cuda ? 30 : 5).NetworkMs;
            ReconstructionResult result = Reconstructor.Run(model, Request(model, "reSample", 0, Cuda ? "balanced" : "fast"), null, CancellationToken.None);
            reference ??= result.Image;
            (best, worst) = (Math.Max(best, result.Quality!.PsnrDb), Math.Min(worst, result.Quality.PsnrDb));
            line(string.Create(
                CultureInfo.InvariantCulture,
                $"| {name} | {ms:F2} | {result.Quality.PsnrDb:F2} | {result.Cost.Seconds:F2} | {Rms(reference, result.Image):E1} |"));
        }

        Backend.AllowTf32 = false;
        return best - worst <= 0.5;
    }

    /// <summary>Times of the networks by batch; what PyTorch takes beside them is tests/benchmarks/networks.py's.</summary>
    internal bool Networks()
    {
        line("| batch | UNet ms | decoder ms | decoder with gradient ms | encoder ms |");
        line("|---:|---:|---:|---:|---:|");
        using LatentModel model = ModelPackage.Load(modelFolder, device);
        for (int batch = 1; batch <= (Cuda ? 16 : 4); batch *= 4)
        {
            NetworkTimes t = NetworkTimes.Of(model, batch, Cuda ? 50 : 5);
            line(string.Create(CultureInfo.InvariantCulture, $"| {batch} | {t.NetworkMs:F2} | {t.DecoderMs:F2} | {t.GradientMs:F2} | {t.EncoderMs:F2} |"));
        }

        return true;
    }

    private static string Verdict(bool ok) => ok ? "ok" : "FAILED";

    private static string Row(string what, long bytes) => string.Create(CultureInfo.InvariantCulture, $"| {what} | {bytes / 1048576.0:F1} |");

    private static double Rms(ArrayData a, ArrayData b) => Math.Sqrt(a.Values.Zip(b.Values).Average(pair => Math.Pow(pair.First - (double)pair.Second, 2)));

    private ReconstructionResult Run(Device where, string type)
    {
        using LatentModel model = ModelPackage.Load(modelFolder, where);
        return Run(model, type);
    }

    private ReconstructionResult Run(LatentModel model, string type) => Reconstructor.Run(model, Request(model, type), null, CancellationToken.None);

    private static ArrayData[] Together(SharedCalls calls, ReconstructionRequest[] requests)
    {
        SharedModel[] views = [.. requests.Select(_ => calls.Join())];
        var images = new ArrayData[requests.Length];
        var errors = new Exception?[requests.Length];
        Thread[] threads = [.. requests.Select((request, i) => new Thread(() =>
        {
            using SharedModel view = views[i];
            try
            {
                images[i] = Reconstructor.Run(view, request, null, CancellationToken.None).Image;
            }
            catch (Exception error)
            {
                errors[i] = error;
            }
        }))];
        Array.ForEach(threads, thread => thread.Start());
        Array.ForEach(threads, thread => thread.Join());
        return errors.OfType<Exception>().FirstOrDefault() is { } failed ? throw failed : images;
    }

    private ReconstructionRequest Request(LatentModel model, string type, int seed = 7, string preset = "fast")
    {
        ArrayData truth = GoldenImage.Read(modelFolder);
        Problem problem = new Inpainting(new RandomMask(0.7, seed));
        return new ReconstructionRequest
        {
            Problem = problem,
            Measurement = Reconstructor.Simulate(problem, truth, new Dictionary<string, ArrayData>(), Sigma, seed).Measurement,
            Sigma = Sigma,
            Solver = SolverCatalog.Resolve(type, preset, []),
            Seed = seed,
            Truth = truth,
        };
    }
}
