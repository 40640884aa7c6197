// Loads a TorchScript file and ends: libtorch ends the process on some files that it cannot read, and this is the process that it may end (TorchScriptModule).
try
{
    Libtorch.Load();
    torch.jit.load(args[0]).Dispose();
    return 0;
}
catch (Exception error) when (error.IsFromTorch)
{
    Console.Error.WriteLine(error.FirstLine);
    return 1;
}
