import ServerSkeleton

StreamServer<Hello>.main()
