using System.CommandLine;
using InverseSolver.Diffusion;
using InverseSolver.Solvers;
using InverseSolver.Solvers.Problems;
using InverseSolver.Solvers.Solvers;
using InverseSolver.Torch;

namespace InverseSolver.Cli;

/// <summary><c>inverse gpu-check</c>: networks, determinism and times on a GPU, or, saying so, on the CPU.</summary>
internal static class GpuCheckCommand
{
    internal static Command Create()
    {
        var folders = new Argument<string[]>("folders") { Description = "Network folders and model packages that hold a golden.safetensors.", Arity = ArgumentArity.ZeroOrMore };
        Option<string> modelId = CliOptions.Model(), models = CliOptions.Models(), device = CliOptions.Device();
        Option<string?> json = CliOptions.Json();
        var command = new Command("gpu-check", "Checks the networks and their determinism on a GPU and times them.") { folders, modelId, models, device, json };
        command.SetAction(arguments =>
        {
            Device where = CliOptions.ParseDevice(arguments.GetValue(device)!);
            bool cuda = where.Type == DeviceType.CUDA;
            Console.WriteLine(cuda ? $"GPU: {Backend.CudaName(where.Index)}" : "There is no GPU here (or this build has no CUDA): the same checks run on the CPU.");
            Console.WriteLine($"libtorch {Backend.Version}, {(cuda ? $"TF32 {(Backend.AllowTf32Matmul || Backend.AllowTf32Cudnn ? "on" : "off")}" : $"{Backend.Threads} threads, {Backend.CpuCapability}")}\n");
            Console.WriteLine("| check | result |");
            Console.WriteLine("|---|---|");
            bool passed = true;
            var errors = new Dictionary<string, double>();
            var timed = new List<object>();
            string modelFolder = CliOptions.FolderOf(arguments.GetValue(models)!, arguments.GetValue(modelId)!);
            foreach (string folder in (arguments.GetValue(folders) ?? []).Append(modelFolder))
            {
                IReadOnlyList<GoldenResult> results = GoldenCheck.Run(folder, where);
                if (results.Count == 0)
                {
                    throw new CommandException($"{folder} holds no golden.safetensors to compare with.");
                }

                passed &= results.All(r => r.Passes());
                errors[folder] = results.Max(r => r.RelativeError);
                Console.WriteLine($"| {Path.GetFileName(folder)} against its reference | {(results.All(r => r.Passes()) ? "ok" : "FAILED")}, largest relative error {results.Max(r => r.RelativeError):E1} |");
            }

            using LatentModel model = ModelPackage.Load(modelFolder, where);
            bool same = TwoRunsAgree(model);
            passed &= same;
            Console.WriteLine($"| two runs of ReSample from one seed | {(same ? "the same bits" : "FAILED: they differ")} |");
            for (int batch = 1; batch <= (cuda ? 16 : 4); batch *= 4)
            {
                NetworkTimes times = NetworkTimes.Of(model, batch, cuda ? 50 : 5);
                timed.Add(new { batch, times });
                Console.WriteLine($"| UNet, batch {batch} | {times.NetworkMs:F2} ms |");
                Console.WriteLine($"| decoder, batch {batch} | {times.DecoderMs:F2} ms |");
                Console.WriteLine($"| decoder with gradient, batch {batch} | {times.GradientMs:F2} ms |");
            }

            if (cuda)
            {
                Console.WriteLine($"| peak GPU memory | {Backend.CudaMemory(where.Index).PeakAllocated / 1048576.0:F0} MiB |");
            }

            CliJson.Write(arguments.GetValue(json), new { fingerprint = Fingerprint.Of(where), passed, relativeErrors = errors, sameBits = same, times = timed });
            return passed ? ExitCode.Done : ExitCode.Failed;
        });
        return command;
    }

    private static bool TwoRunsAgree(LatentModel model)
    {
        var y = new ArrayData([1, 64, 64], [.. Enumerable.Range(0, 64 * 64).Select(i => (i % 17) / 16f)]);
        var request = new ReconstructionRequest
        {
            Problem = new Inpainting(new RandomMask(0.5, 1)),
            Measurement = y,
            Sigma = 0.01,
            Solver = ReSamplePresets.Balanced with { Steps = 8, LatentFraction = 0.4, LatentIterations = 3, FinalLatentIterations = 3 },
            Seed = 7,
        };
        float[] Run() => Reconstruction.Run(model, request, null, CancellationToken.None).Image.Values;
        return Run().AsSpan().SequenceEqual(Run());
    }
}
