using System.CommandLine;
using System.CommandLine.Help;
using InverseSolver.Cli.Bench;
using InverseSolver.Cli.Convert;
using InverseSolver.Cli.Demo;
using InverseSolver.Cli.Evaluate;
using InverseSolver.Cli.GpuCheck;
using InverseSolver.Cli.Server;
using InverseSolver.Cli.Store;

namespace InverseSolver.Cli;

/// <summary>All commands of <c>inverse</c>.</summary>
internal static class Commands
{
    internal static RootCommand Create()
    {
        var root = new RootCommand("Solves imaging inverse problems with latent diffusion models. Results are not for diagnosis.")
        {
            SolveCommand.Create(),
            SubmitCommand.Create(),
            SubmitCommand.Download(),
            SimulateCommand.Create(),
            CatalogueCommands.Problems(),
            CatalogueCommands.Solvers(),
            ModelsCommand.Create(),
            EvaluateCommand.Create(),
            ConvertCommand.Create(),
            KeysCommand.Create(),
            AuditCommand.Create(),
            StoreCommand.Create(),
            DemoCommand.Create(),
            BenchCommand.Create(),
            GpuCheckCommand.Create(),
        };
        foreach (HelpOption help in root.Options.OfType<HelpOption>())
        {
            help.Action = new HelpWithExitCodes((HelpAction)help.Action!);
        }

        return root;
    }
}
