using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using InverseSolver.Diffusion;

namespace InverseSolver.Cli.Bench;

/// <summary><c>inverse bench</c>: what calls, networks, solvers and transforms cost.</summary>
internal static class BenchCommand
{
    private const string PythonOps = """
        import time, torch
        torch.set_num_threads(1)
        a, b, n = torch.tensor([1.0]), torch.tensor([2.0]), 300000
        def best(f):
            times = []
            for _ in range(5):
                t = time.perf_counter()
                for _ in range(n): f(b)
                times.append((time.perf_counter() - t) / n * 1e6)
            return min(times)
        with torch.no_grad():
            print(best(a.add), best(a.add_), torch.__version__)
        """;

    internal static Command Create() => new("bench", "Times operators, networks, solvers, non-Cartesian transforms, the jobs of a service and estimates.")
    {
        Ops(), Networks(), SolverBench.Create(), NufftBench.Create(), JobBench.Create(), EstimateBench.Create(),
    };

    private static Command Ops()
    {
        Option<string?> json = CliOptions.Json();
        var command = new Command("ops", "The whole cost of a call on a one-element tensor, beside Python's torch where it is installed.") { json };
        command.SetAction(arguments =>
        {
            int threads = Backend.Threads;
            Backend.Threads = 1;
            using DisposeScope scope = torch.NewDisposeScope();
            using IDisposable grad = torch.no_grad();
            Tensor a = torch.copy_of([1f]).DetachFromDisposeScope(), b = torch.copy_of([2f]);
            double add = BestMicroseconds(() =>
            {
                using DisposeScope inner = torch.NewDisposeScope();
                for (int i = 0; i < 1000; i++)
                {
                    a.add(b).Dispose();
                }
            });
            double addInPlace = BestMicroseconds(() =>
            {
                for (int i = 0; i < 1000; i++)
                {
                    a.add_(b);
                }
            });
            a.Dispose();
            Backend.Threads = threads;
            double[]? python = Python();
            Console.WriteLine("| call | C# us | Python us | ratio |");
            Console.WriteLine("|---|---:|---:|---:|");
            Print("add (new tensor, disposed)", add, python?[0]);
            Print("add_ (in place)", addInPlace, python?[1]);
            CliJson.Write(arguments.GetValue(json), new { add, addInPlace, pythonAdd = python?[0], pythonAddInPlace = python?[1] });
            return ExitCode.Done;
        });
        return command;
    }

    private static Command Networks()
    {
        Option<string> modelId = CliOptions.Model(), models = CliOptions.Models(), device = CliOptions.Device();
        Option<int[]> batches = CliOptions.Numbers("--batches", "Images in a call.", [1, 2, 4]);
        var channelsLast = new Option<bool>("--channels-last")
        {
            Description = "Feature maps with their channels last in memory, as Models:ChannelsLast has the service do.",
        };
        Option<string?> json = CliOptions.Json();
        var command = new Command("networks", "UNet, decoder, decoder gradient and encoder at the model's native size.")
        {
            batches, channelsLast, modelId, models, device, json,
        };
        command.SetAction(arguments =>
        {
            using LatentModel model = CliOptions.LoadModel(
                arguments.GetValue(models)!,
                arguments.GetValue(modelId)!,
                CliOptions.ParseDevice(arguments.GetValue(device)!),
                new ModelOptions { ChannelsLast = arguments.GetValue(channelsLast) });
            var rows = new List<object>();
            Console.WriteLine("| batch | UNet ms | decoder ms | decoder with gradient ms | encoder ms |");
            Console.WriteLine("|---:|---:|---:|---:|---:|");
            foreach (int batch in arguments.GetValue(batches)!)
            {
                NetworkTimes t = NetworkTimes.Of(model, batch, 15);
                Console.WriteLine(string.Create(
                    CultureInfo.InvariantCulture,
                    $"| {batch} | {t.NetworkMs:F1} | {t.DecoderMs:F1} "
                        + $"| {(t.GradientMs is { } gradient ? gradient.ToString("F1", CultureInfo.InvariantCulture) : "-")} | {t.EncoderMs:F1} |"));
                rows.Add(new { batch, times = t });
            }

            CliJson.Write(arguments.GetValue(json), rows);
            return ExitCode.Done;
        });
        return command;
    }

    // Best of five, of a thousand calls each time, per call.
    private static double BestMicroseconds(Action thousandCalls)
    {
        double best = double.PositiveInfinity;
        for (int round = 0; round < 6; round++)
        {
            var watch = Stopwatch.StartNew();
            for (int i = 0; i < 300; i++)
            {
                thousandCalls();
            }

            best = Math.Min(best, watch.Elapsed.TotalMicroseconds / 300_000);
        }

        return best;
    }

    private static double[]? Python()
    {
        try
        {
            var start = new ProcessStartInfo("/usr/bin/python3") { RedirectStandardOutput = true, RedirectStandardError = true };
            start.ArgumentList.Add("-c");
            start.ArgumentList.Add(PythonOps);
            using Process process = Process.Start(start)!;
            string[] words = process.StandardOutput.ReadToEnd().Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
            process.WaitForExit();
            return process.ExitCode == 0 ? [double.Parse(words[0], CultureInfo.InvariantCulture), double.Parse(words[1], CultureInfo.InvariantCulture)] : null;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return null;
        }
    }

    private static void Print(string call, double ours, double? python) => Console.WriteLine(string.Create(
        CultureInfo.InvariantCulture,
        $"| {call} | {ours:F3} "
            + $"| {(python is { } p ? p.ToString("F3", CultureInfo.InvariantCulture) : "python3-torch is not installed")} "
            + $"| {(python is { } q ? (ours / q).ToString("F2", CultureInfo.InvariantCulture) : string.Empty)} |"));
}
